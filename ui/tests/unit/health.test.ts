import { afterEach, expect, test, vi } from 'vitest';
import { missing, slots, together, type Slot } from '../../src/ask/health';

const START = Date.UTC(2026, 2, 2, 9);
const MINUTE = 60_000;
const NONE = { records: 50, lost_records: 0, lost_datagrams: 0, dropped_datagrams: 0, faults: 0, sources_unknown: 0 };

const slot = (state: Slot['state'], of: Partial<typeof NONE> = {}, downSeconds = 0): Slot => ({ from: START, to: START + MINUTE, state, downSeconds, missing: { ...NONE, ...of } });

afterEach(() => vi.unstubAllGlobals());

test('the account is asked in whole minutes and read as it is told', async () => {
  const asked: string[] = [];
  const told = [{ from: '2026-03-02T09:00:00Z', to: '2026-03-02T09:01:00Z', state: 'down', down_seconds: 7 }];
  vi.stubGlobal('fetch', (path: string) => {
    asked.push(path);
    return Promise.resolve(new Response(JSON.stringify(told)));
  });
  const found = await slots({ from: START, to: START + MINUTE }, 10_000, new AbortController().signal, 'exporter 192.0.2.1');
  expect(found).toEqual([{ from: START, to: START + MINUTE, state: 'down', downSeconds: 7 }]);
  const params = new URLSearchParams(asked[0]?.split('?')[1]);
  expect(Object.fromEntries(params)).toEqual({ from: '2026-03-02T09:00:00Z', to: '2026-03-02T09:01:00Z', step: '1m', filter: 'exporter 192.0.2.1' });
});

test('each slot says what is missing in it', () => {
  expect(missing(slot('unknown'))).toBe('nobody kept account of this time');
  expect(missing(slot('complete'))).toBe('');
  expect(missing(slot('lossy', { lost_records: 2, lost_datagrams: 1, dropped_datagrams: 3 }))).toBe('2 records lost on the way, 1 datagram lost on the way, 3 datagrams dropped here');
  expect(missing(slot('down', { faults: 7 }, 30))).toBe('7 faults of decoding, not receiving for 30 s');
  expect(missing(slot('lossy', { sources_unknown: 1 }))).toBe('1 source whose losses cannot be told');
});

test('whoever sees a part of the data is told that something is missing, not how much', () => {
  expect(missing({ from: START, to: START + MINUTE, state: 'lossy', downSeconds: 0 })).toBe('something was lost on the way, dropped or could not be read');
});

test('slots one behind the other are one', () => {
  const sum = together(slot('lossy', { lost_records: 2, sources_unknown: 1 }), { ...slot('lossy', { lost_records: 3, sources_unknown: 1 }, 4), from: START + MINUTE, to: START + 2 * MINUTE });
  expect(sum).toMatchObject({ from: START, to: START + 2 * MINUTE, downSeconds: 4, missing: { records: 100, lost_records: 5, sources_unknown: 1 } });
});
