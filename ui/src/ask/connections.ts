// What the service receives at and sends to, as its counters tell: each listener and export by its name.
import type { CounterRow } from '../api/client';

export type Connection = { name: string; counters: { name: string; labels: string; value: number }[] };

/** A label in the text form of a counter's name: `name{listener="a",reason="b"}`. */
function labelOf(counter: string, label: string): string | undefined {
  const found = new RegExp(`[{,]${label}="((?:[^"\\\\]|\\\\.)*)"`).exec(counter)?.[1];
  return found?.replace(/\\(.)/g, (_, letter: string) => (letter === 'n' ? '\n' : letter));
}

/** The counters with this label, by its values. */
export function connections(counters: CounterRow[], label: string): Connection[] {
  const found = new Map<string, Connection>();
  for (const { name, value } of counters) {
    const of = labelOf(name, label);
    if (of === undefined) continue;
    const connection = found.get(of) ?? { name: of, counters: [] };
    const brace = name.indexOf('{');
    const labels = name.slice(brace + 1, -1).split(',').filter((one) => !one.startsWith(`${label}=`)).join(', ');
    connection.counters.push({ name: name.slice(0, brace), labels, value });
    found.set(of, connection);
  }
  return [...found.values()].sort((one, other) => one.name.localeCompare(other.name));
}
