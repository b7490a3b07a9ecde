import { expect, test } from 'vitest';
import type { Answer } from '../../src/api/client';
import { MEASURES, asked, columnOf, slotsOf, stack } from '../../src/ask/stack';

const START = Date.UTC(2026, 2, 2, 9);
const span = { from: START + 10_000, to: START + 180_000 };
const at = (minute: number): string => new Date(START + minute * 60_000).toISOString();
const measure = (name: string) => MEASURES.find((measure) => measure.name === name)!;

function answer(keys: string[], measures: string[], rows: Answer['rows'], errors: string[] = []): Answer {
  const columns = [
    { name: 'slot', role: 'slot' },
    ...keys.map((name) => ({ name, role: 'key' })),
    ...measures.map((name) => ({ name, role: 'measure' })),
    ...errors.map((name) => ({ name, role: 'standard_error' })),
  ];
  return { source: 'records', records: rows.length, columns, rows, notes: [] };
}

test('slots begin at multiples of their step and cover the span', () => {
  expect(slotsOf(span, 60_000)).toEqual([START, START + 60_000, START + 120_000]);
});

test('bands are the groups by size, the others last, and absent sums are zero', () => {
  const rows: Answer['rows'] = [
    { slot: at(0), exporter: '192.0.2.1', bps: 10 },
    { slot: at(0), exporter: '(others)', bps: 50 },
    { slot: at(2), exporter: '192.0.2.2', bps: 30 },
    { slot: at(2), bps: 1 },
  ];
  const made = stack({ span, step: 60_000, measure: measure('bps'), answer: answer(['exporter'], ['bps'], rows), now: span.to });
  expect(made.bands.map(({ label, values }) => [label, values])).toEqual([
    ['192.0.2.2', [0, 0, 30]],
    ['192.0.2.1', [10, 0, 0]],
    ['no exporter', [0, 0, 1]],
    ['Others', [50, 0, 0]],
  ]);
  expect(made.bands.at(-1)?.keys).toBeUndefined();
  expect(made.total).toEqual([60, 0, 31]);
});

test('the slot that goes on is left out', () => {
  const rows = [{ slot: at(0), bps: 10 }, { slot: at(2), bps: 3 }];
  const made = stack({ span, step: 60_000, measure: measure('bps'), answer: answer([], ['bps'], rows), now: START + 150_000 });
  expect([made.slots.length, made.total]).toEqual([2, [10, 0]]);
});

test('errors of bands add up as squares, over the slot for rates', () => {
  const rows = [
    { slot: at(0), exporter: 'a', bps: 100, bytes: 750, bytes_error: 30 },
    { slot: at(0), exporter: 'b', bps: 100, bytes: 750, bytes_error: 40 },
  ];
  const made = stack({ span, step: 60_000, measure: measure('bps'), answer: answer(['exporter'], ['bps', 'bytes'], rows, ['bytes_error']), now: span.to });
  expect(made.error?.[0]).toBeCloseTo((50 * 8) / 60);
});

test('the period before is moved by whole slots', () => {
  const rows = [{ slot: at(3), bps: 5 }];
  const before = answer([], ['bps'], [{ slot: at(0), bps: 7 }]);
  const shown = { from: START + 180_000, to: START + 360_000 };
  const made = stack({ span: shown, step: 60_000, measure: measure('bps'), answer: answer([], ['bps'], rows), before, beforeFrom: START, now: shown.to });
  expect([made.total, made.previous]).toEqual([[5, 0, 0], [7, 0, 0]]);
});

test('measures are found under the names that answers give them', () => {
  expect(columnOf(answer([], ['rtt_p95', 'flows'], []), measure('rtt p95'))).toBe('rtt_p95');
  expect(columnOf(answer([], ['distinct_dst_addr'], []), measure('distinct(dst_addr)'))).toBe('distinct_dst_addr');
  expect(asked(measure('bps'))).toBe('bps,bytes');
  expect(asked(measure('bytes'))).toBe('bytes');
});

test('times that are not known are gaps, not zeros', () => {
  const rows = [{ slot: at(1), rtt_p95: 900 }];
  const made = stack({ span, step: 60_000, measure: measure('rtt p95'), answer: answer([], ['rtt_p95'], rows), now: span.to });
  expect(made.total).toEqual([null, 900, null]);
});
