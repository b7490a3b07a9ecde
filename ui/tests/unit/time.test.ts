import { expect, test } from 'vitest';
import * as time from '../../src/view/time';

const params = (text: string): URLSearchParams => new URLSearchParams(text);

test('an address says its range, and nonsense is the last hour', () => {
  expect(time.rangeOf(params(''))).toEqual({ last: '1h' });
  expect(time.rangeOf(params('last=1h30m'))).toEqual({ last: '1h30m' });
  expect(time.rangeOf(params('last=soon'))).toEqual({ last: '1h' });
  const [from, to] = [Date.UTC(2026, 2, 2, 9), Date.UTC(2026, 2, 2, 10)];
  expect(time.rangeOf(params('from=2026-03-02T09:00:00Z&to=2026-03-02T10:00:00Z'))).toEqual({ from, to });
  expect(time.rangeOf(params('from=2026-03-02T10:00:00Z&to=2026-03-02T09:00:00Z'))).toEqual({ last: '1h' });
  expect(time.rangeParams({ from, to })).toEqual({ last: undefined, from: '2026-03-02T09:00:00Z', to: '2026-03-02T10:00:00Z' });
  expect(time.rangeParams({ last: '1h' })).toEqual({ last: undefined, from: undefined, to: undefined });
});

test('steps keep charts to some hundred points, in whole minutes where series can answer', () => {
  const step = (length: number): string => time.stepOf({ from: 0, to: length }).text;
  expect(step(60_000)).toBe('1s');
  expect(step(900_000)).toBe('10s');
  expect(step(3_600_000)).toBe('1m');
  expect(step(86_400_000)).toBe('15m');
  expect(step(30 * 86_400_000)).toBe('6h');
  expect(step(3650 * 86_400_000)).toBe('7d');
});

test('a first look is at whole steps of the end, and short spans have none', () => {
  const minute = 60_000;
  const day = { from: 7 * minute, to: 1447 * minute };
  expect(time.newestOf(day, 15 * minute)).toEqual({ from: 1425 * minute, to: 1447 * minute });
  expect(time.newestOf({ from: 0, to: 3 * minute }, minute)).toBeUndefined();
  expect(time.newestOf({ from: 0, to: 10 * minute }, 10_000)).toBeUndefined();
  expect(time.newestOf({ from: 0, to: 60 * minute }, minute)).toEqual({ from: 59 * minute, to: 60 * minute });
});
