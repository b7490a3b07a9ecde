import { afterEach, expect, test, vi } from 'vitest';
import { missing, slots } from '../../src/ask/health';

const START = Date.UTC(2026, 2, 2, 9);
const MINUTE = 60_000;
const NONE = new AbortController().signal;

/** What the service answers to SQL: time, up in microseconds, datagrams, lost, dropped, faults. */
function answers(rows: (number | null)[][]): void {
  const table = { columns: [], rows: rows.map(([minute, ...others]) => [new Date(START + (minute ?? 0) * MINUTE).toISOString(), ...others]) };
  vi.stubGlobal('fetch', () => Promise.resolve(new Response(JSON.stringify(table))));
}
afterEach(() => vi.unstubAllGlobals());

const WHOLE = 60_000_000;

test('each slot says what is missing in it', async () => {
  answers([
    [1, 20_000_000, 5, 0, 0, 0],
    [2, WHOLE, 50, 0, 0, 0],
    [3, WHOLE, 50, 2, 1, 0],
    [5, 30_000_000, 50, 0, 0, 7],
  ]);
  const found = await slots({ from: START, to: START + 6 * MINUTE }, MINUTE, START + 60 * MINUTE, NONE);
  expect(found.map(({ state }) => state)).toEqual(['unknown', 'complete', 'complete', 'lossy', 'down', 'down']);
  expect(missing(found[0]!)).toBe('nobody kept account of this time');
  expect(missing(found[2]!)).toBe('');
  expect(missing(found[3]!)).toBe('2 records or datagrams lost on the way, 1 datagram dropped here');
  expect(missing(found[4]!)).toBe('not receiving for 60 s');
  expect(missing(found[5]!)).toBe('7 faults of decoding, not receiving for 30 s');
});

test('what is not written yet is no outage', async () => {
  answers([
    [0, WHOLE, 1, 0, 0, 0],
    [1, 10_000_000, 1, 0, 0, 0],
  ]);
  const found = await slots({ from: START, to: START + 10 * MINUTE }, MINUTE, START + MINUTE + 40_000, NONE);
  expect(found.map(({ state }) => state)).toEqual(['complete', 'complete']);
});
