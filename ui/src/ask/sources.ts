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
