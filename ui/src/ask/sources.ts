// What is said of sources: words and tones of their states, and what they lost.
import type { SourceRow } from '../api/client';

export type Tone = 'good' | 'warn' | 'bad' | '';

const STATES: Record<SourceRow['state'], { words: string; tone: Tone }> = {
  receiving: { words: 'receiving', tone: 'good' },
  silent: { words: 'silent', tone: 'warn' },
  waiting_for_template: { words: 'waits for template', tone: 'warn' },
  faulty: { words: 'faulty', tone: 'bad' },
  refused: { words: 'refused', tone: 'bad' },
  never_heard: { words: 'never heard', tone: 'warn' },
};

export function stateOf(source: SourceRow): { words: string; tone: Tone } {
  return STATES[source.state] ?? { words: source.state, tone: '' };
}

/** What identifies a source. */
export const keyOf = (source: SourceRow): string => `${source.exporter} ${source.domain ?? ''} ${source.listener}`;

/** What people call it. */
export const titleOf = (source: SourceRow): string => source.name ?? source.exporter;

/** The part that is lost on the way, of records or else of datagrams; undefined where that cannot be told. */
export function lossOf(source: SourceRow): { share: number; words: string } | undefined {
  const { lost_records, lost_datagrams, records, datagrams } = source;
  if (lost_records !== undefined && lost_records !== null) {
    return { share: part(lost_records, records), words: `${lost_records} records of ${records + lost_records}` };
  }
  if (lost_datagrams !== undefined && lost_datagrams !== null) {
    return { share: part(lost_datagrams, datagrams), words: `${lost_datagrams} datagrams of ${datagrams + lost_datagrams}` };
  }
  return undefined;
}

function part(lost: number, arrived: number): number {
  return lost + arrived > 0 ? lost / (lost + arrived) : 0;
}

export const faultsOf = (source: SourceRow): number => Object.values(source.faults).reduce((sum, count) => sum + count, 0);

/** Whoever needs a look first. */
export function byNeed(one: SourceRow, other: SourceRow): number {
  const need = (source: SourceRow): number => (stateOf(source).tone === 'bad' ? 0 : stateOf(source).tone === 'warn' ? 1 : source.note ? 2 : 3);
  return need(one) - need(other) || other.records_per_second - one.records_per_second || titleOf(one).localeCompare(titleOf(other));
}

/** A source, or a group of sources as one with its units. */
export type Shown = SourceRow & { units?: SourceRow[] };

/** What identifies a source or a group. */
export const keyOfShown = (shown: Shown): string => (shown.units ? `group ${shown.name}` : keyOf(shown));

/** The sources without a group, and each group as one source with its units by name: a group of one is none. */
export function grouped(rows: SourceRow[]): Shown[] {
  const groups = new Map<string, SourceRow[]>();
  for (const row of rows) if (row.group) groups.set(row.group, [...(groups.get(row.group) ?? []), row]);
  const wholes = [...groups].filter(([, units]) => exportersOf(units).length > 1).map(([name, units]) => together(name, units));
  return [...wholes, ...rows.filter(({ group }) => !wholes.some(({ name }) => name === group))];
}

/** It is silent while another unit of its group reports, as a unit that stands by is. */
export const leavesToOthers = (source: SourceRow, all: SourceRow[]): boolean =>
  source.state === 'silent' && Boolean(source.group) && all.some(({ group, exporter, state }) => group === source.group && exporter !== source.exporter && state === 'receiving');

export const exportersOf = (units: SourceRow[]): string[] => [...new Set(units.map(({ exporter }) => exporter))];

/** The unit that reported last. */
export function activeOf(units: SourceRow[]): SourceRow | undefined {
  const reported = ({ last_record }: SourceRow): number => (last_record ? Date.parse(last_record) : 0);
  const isReceiving = ({ state }: SourceRow): number => Number(state === 'receiving');
  return [...units].sort((one, other) => isReceiving(other) - isReceiving(one) || reported(other) - reported(one))[0];
}

/** What all units have had; the state is that of the unit that reported last. */
function together(name: string, units: SourceRow[]): Shown {
  const active = activeOf(units)!;
  const sum = (value: (unit: SourceRow) => number): number => units.reduce((sum, unit) => sum + value(unit), 0);
  const known = (value: (unit: SourceRow) => number | null | undefined): number | undefined => {
    const values = units.map(value).filter((one) => one !== null && one !== undefined);
    return values.length ? values.reduce((sum, one) => sum + one, 0) : undefined;
  };
  const faults: Record<string, number> = {};
  for (const [reason, count] of units.flatMap((unit) => Object.entries(unit.faults))) faults[reason] = (faults[reason] ?? 0) + count;
  const latest = (value: (unit: SourceRow) => string | null | undefined): string | undefined => units.map(value).filter((one) => one !== null && one !== undefined).sort().at(-1);
  return {
    ...active,
    name,
    group: name,
    domain: null,
    note: null,
    clock_skew: null,
    sampling: null,
    protocols: [...new Set(units.flatMap(({ protocols }) => protocols))].sort(),
    records: sum(({ records }) => records),
    datagrams: sum(({ datagrams }) => datagrams),
    templates: sum(({ templates }) => templates),
    records_per_second: sum(({ records_per_second }) => records_per_second),
    lost_records: known(({ lost_records }) => lost_records) ?? null,
    lost_datagrams: known(({ lost_datagrams }) => lost_datagrams) ?? null,
    faults,
    last_seen: latest(({ last_seen }) => last_seen) ?? null,
    last_record: latest(({ last_record }) => last_record) ?? null,
    units: [...units].sort((one, other) => titleOf(one).localeCompare(titleOf(other)) || keyOf(one).localeCompare(keyOf(other))),
  };
}
