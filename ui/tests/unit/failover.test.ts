import { expect, test } from 'vitest';
import type { Answer, Note, SourceRow } from '../../src/api/client';
import { failOversOf, merged, notesToShow, sentence } from '../../src/ask/failover';
import { activeOf, grouped, leavesToOthers } from '../../src/ask/sources';
import { MEASURES, stack, sumOf, together } from '../../src/ask/stack';

const START = Date.UTC(2026, 2, 2, 9);
const at = (second: number): string => new Date(START + second * 1000).toISOString();
const note = (began: number, reason = 'silent'): Note => ({
  code: 'fail_over',
  text: `at ${began}`,
  fail_over: { group: 'pair', from: '192.0.2.1', to: '192.0.2.2', began: at(began), ended: at(began + 3), seconds: 3, reason },
});

test('fail-overs are told with length and reason, each once', () => {
  const [one] = failOversOf([{ code: 'sampled', text: 'x' }, note(10)]);
  expect(one).toEqual({ group: 'pair', from: '192.0.2.1', to: '192.0.2.2', began: START + 10_000, ended: START + 13_000, standsBy: false });
  expect(sentence(one!, (address) => (address === '192.0.2.2' ? 'lb-b' : address))).toBe('lb-b took over from 192.0.2.1, which fell silent; no records for 3 s');
  expect(sentence(failOversOf([note(10, 'standby')])[0]!)).toContain('still sends, and no records');
  expect(merged([failOversOf([note(20), note(10)]), undefined, failOversOf([note(10)])]).map(({ began }) => began - START)).toEqual([10_000, 20_000]);
});

test('of many fail-overs the latest stand below the chart', () => {
  const notes = [{ code: 'sampled', text: 'a' }, { code: 'sampled', text: 'b' }, ...Array.from({ length: 8 }, (_, place) => note(place * 60))];
  const shown = notesToShow(notes);
  expect([shown.notes.length, shown.more]).toEqual([6, 3]);
  expect(shown.notes.map(({ text }) => text)).toEqual(['b', 'at 180', 'at 240', 'at 300', 'at 360', 'at 420']);
});

const bps = MEASURES.find(({ name }) => name === 'bps')!;
const span = { from: START, to: START + 120_000 };
function series(values: number[], notes: Note[] = [], key?: string): Answer {
  const columns = [{ name: 'slot', role: 'slot' }, ...(key ? [{ name: 'app', role: 'key' }] : []), { name: 'bps', role: 'measure' }];
  const rows = values.map((value, place) => ({ slot: at(place * 60), bps: value, ...(key ? { app: key } : {}) }));
  return { source: 'records', records: 1, columns, rows, notes };
}
const part = (name: string, values: number[], partOf?: string, key?: string) => ({
  stack: stack({ span, step: 60_000, measure: bps, answer: series(values, name === 'pair' ? [note(58)] : [], key), now: span.to }),
  name,
  colour: '#000000',
  below: false,
  ...(partOf ? { partOf } : {}),
});

test('a group is a line over its units, and counts once', () => {
  const made = together([part('pair', [5, 7]), part('a', [5, 0], 'pair'), part('b', [0, 7], 'pair'), part('core', [1, 1])], bps)!;
  expect(made.bands.map(({ label, whole, part }) => [label, whole ?? false, part ?? false])).toEqual([
    ['pair', true, false],
    ['a', false, true],
    ['b', false, true],
    ['core', false, false],
  ]);
  expect(made.total).toEqual([6, 8]);
  expect(made.failOvers?.map(({ began }) => began)).toEqual([START + 58_000]);
});

test('units without their group are areas, and groups within channels are shown of the whole', () => {
  const units = together([part('a', [5, 0], 'pair'), part('b', [0, 7], 'pair')], bps)!;
  expect(units.bands.some(({ whole, part }) => whole || part)).toBe(false);
  expect(units.total).toEqual([5, 7]);
  const within = together([part('pair', [5, 7], undefined, 'dns'), part('a', [5, 0], 'pair', 'dns')], bps)!;
  expect(within.bands.map(({ label }) => label)).toEqual(['pair · dns']);
  expect(within.total).toEqual([5, 7]);
});

const row = (exporter: string, more: Partial<SourceRow>): SourceRow =>
  ({ exporter, listener: 'flow', protocols: ['ipfix'], state: 'receiving', datagrams: 1, records: 10, templates: 1, records_per_second: 1, faults: {}, ...more }) as SourceRow;

test('units of a group are one source, whose state is that of the unit that reported last', () => {
  const rows = [
    row('192.0.2.2', { group: 'pair', name: 'lb-b', last_record: at(60), records: 30, lost_records: 2 }),
    row('192.0.2.9', {}),
    row('192.0.2.1', { group: 'pair', name: 'lb-a', last_record: at(5), state: 'silent', faults: { truncated: 1 } }),
    row('192.0.2.3', { group: 'one' }),
  ];
  const [pair, ...others] = grouped(rows);
  expect(others.map(({ exporter }) => exporter)).toEqual(['192.0.2.9', '192.0.2.3']);
  expect([pair?.name, pair?.state, pair?.records, pair?.lost_records, pair?.faults]).toEqual(['pair', 'receiving', 40, 2, { truncated: 1 }]);
  expect(pair?.units?.map(({ name }) => name)).toEqual(['lb-a', 'lb-b']);
  expect(activeOf(pair!.units!)?.name).toBe('lb-b');
  expect(rows.map((row) => leavesToOthers(row, rows))).toEqual([false, false, true, false]);
  expect(sumOf([{ keys: ['a'], label: 'a', values: [1, null] }, { keys: ['b'], label: 'b', values: [2, 3] }], 'pair').values).toEqual([3, 3]);
});
