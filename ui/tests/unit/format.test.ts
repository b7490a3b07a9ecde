import { expect, test } from 'vitest';
import * as format from '../../src/view/format';

test('numbers have three digits and a prefix', () => {
  expect(format.bytes(0)).toBe('0 B');
  expect(format.bytes(999)).toBe('999 B');
  expect(format.bytes(1_234_567)).toBe('1.23 MB');
  expect(format.count(999_950)).toBe('1 M');
  expect(format.count(0.25)).toBe('0.25');
  expect(format.bits(12_000_000_000)).toBe('12 Gbit/s');
  expect(format.count(Number.NaN)).toBe('–');
  expect(format.quantity(24_191, 'µs')).toBe('24.2 ms');
  expect(format.exact(1_234_567)).toBe('1,234,567');
});

test('parts are told without false precision', () => {
  expect(format.percent(0)).toBe('0 %');
  expect(format.percent(0.0004)).toBe('< 0.1 %');
  expect(format.percent(0.025)).toBe('2.5 %');
  expect(format.percent(0.5)).toBe('50 %');
});

test('lengths of time have two units at most', () => {
  expect(format.duration(0.25)).toBe('250 ms');
  expect(format.duration(45)).toBe('45 s');
  expect(format.duration(-600)).toBe('−10 min');
  expect(format.duration(12_000)).toBe('3 h 20 min');
  expect(format.duration(432_000)).toBe('5 d');
});
