// Counters as they move, from the stream of the service; the connection comes back by itself.
import { type CounterRow } from '../api/client';

/** Readings of a counter over this long make its rate. */
const WINDOW = 20_000;

type Reading = { time: number; value: number };
type Counter = { name: string; value: number; rate: number };

/** Follows counters whose names contain a text, from `open` until what it gives is called. */
export class LiveCounters {
  /** Every counter with its rate a second. */
  rows = $state.raw<Counter[]>([]);
  connected = $state(false);
  time = $state<number>();
  #history = new Map<string, Reading[]>();

  open(grep: string): () => void {
    let source: EventSource | undefined;
    const start = (): void => {
      source = new EventSource(`/api/v1/live?${new URLSearchParams({ grep })}`);
      source.addEventListener('counters', (event) => this.#take(event as MessageEvent<string>));
      source.onerror = () => (this.connected = false);
    };
    // Who is not looked at does not hold a connection.
    const follow = (): void => {
      source?.close();
      source = undefined;
      this.connected = false;
      if (!document.hidden) {
        this.#history.clear();
        start();
      }
    };
    follow();
    document.addEventListener('visibilitychange', follow);
    return () => {
      document.removeEventListener('visibilitychange', follow);
      source?.close();
    };
  }

  #take(event: MessageEvent<string>): void {
    const { time, counters } = JSON.parse(event.data) as { time: string; counters: CounterRow[] };
    const now = Date.parse(time);
    for (const { name, value } of counters) {
      const readings = this.#history.get(name) ?? [];
      readings.push({ time: now, value });
      this.#history.set(name, readings);
    }
    this.rows = [...this.#history].map(([name, readings]) => ({ name, value: readings.at(-1)?.value ?? 0, rate: rateOf(readings, now) }));
    this.connected = true;
    this.time = now;
  }
}

/** The growth a second over the window; what did not change in it stands still. */
function rateOf(readings: Reading[], now: number): number {
  // The reading that held when the window began stays.
  while (readings.length > 1 && (readings[1]?.time ?? now) <= now - WINDOW) readings.shift();
  const [first, last] = [readings[0], readings.at(-1)];
  if (!first || !last || first === last) return 0;
  const begun = Math.max(first.time, now - WINDOW);
  return now > begun ? ((last.value - first.value) / (now - begun)) * 1000 : 0;
}
