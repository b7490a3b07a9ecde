// Chapters and profiles: what each kind takes, channels above and below the axis, counters of listeners.
import { expect, test } from 'vitest';
import type { Answer } from '../../src/api/client';
import type { ViewData } from '../../src/api/objects';
import { analysisOf, completenessOf, fitted, isOfEveryRecord, keysFor, stackOf } from '../../src/ask/chapter';
import { connections } from '../../src/ask/connections';
import { fileName } from '../../src/ask/file';
import { measureOf } from '../../src/ask/stack';

const FROM = '2026-03-02T09:00:00Z';
const TO = '2026-03-02T09:02:00Z';

function answer(rows: [string, number, number?][], state: 'complete' | 'incomplete' = 'complete'): Answer {
  const columns = [{ name: 'slot', role: 'slot' }, { name: 'bytes', role: 'measure' }, { name: 'bytes_error', role: 'standard_error' }];
  return { source: 'records', records: 1, columns, rows: rows.map(([slot, bytes, bytes_error]) => ({ slot, bytes, ...(bytes_error ? { bytes_error } : {}) })), notes: [], completeness: { state, text: state } };
}

const channel = (name: string, side: 'above' | 'below') => [{ name, colour: '#2f6fde', side }];
const data: ViewData = {
  kind: 'time_series',
  profile: { id: 'p-1', name: 'Web' },
  from: FROM,
  to: TO,
  step: '1m',
  parts: [
    { channels: channel('in', 'above'), question: {}, command: '', answer: answer([[FROM, 10, 3]]) },
    { channels: channel('also in', 'above'), question: {}, command: '', answer: answer([[FROM, 5, 4], ['2026-03-02T09:01:00Z', 7]], 'incomplete') },
    { channels: channel('out', 'below'), question: {}, command: '', answer: answer([[FROM, 20]]) },
    { channels: channel('failed', 'below'), question: {}, command: '', error: { error: 'too many groups' }, status: 422 },
  ],
};

test('channels lie above and below the axis, with a whole and an error for each side', () => {
  const stack = stackOf(data, measureOf('bytes'), Date.parse(TO));
  expect(stack?.bands.map(({ label, below, values }) => [label, below, values])).toEqual([
    ['in', false, [10, 0]],
    ['also in', false, [5, 7]],
    ['out', true, [20, 0]],
  ]);
  expect(stack?.total).toEqual([15, 7]);
  expect(stack?.error).toEqual([5, 0]);
  expect(stack?.below).toEqual({ total: [20, 0], error: undefined });
});

test('a view is as complete as its worst part', () => {
  expect(completenessOf(data)?.state).toBe('incomplete');
});

test('keys are cut to what a kind takes', () => {
  expect(keysFor('pie', 'src_addr, dst_addr')).toBe('src_addr');
  expect(keysFor('sankey', 'src_addr')).toBe('src_addr,dst_addr,dst_port');
  expect(keysFor('world_map', 'src_addr,dst_country')).toBe('dst_country');
  expect(keysFor('world_map', 'src_addr')).toBe('country');
  expect(keysFor('value', 'src_addr')).toBe('');
});

test('a chapter is sent without parts that its kind does not take', () => {
  const all = { name: 'x', by: 'app', sort: 'bytes', top: 5, step: '5m', measures: 'bytes' };
  expect(fitted({ ...all, kind: 'value' })).toEqual({ name: 'x', kind: 'value', measures: 'bytes' });
  expect(fitted({ ...all, kind: 'top' })).toEqual({ name: 'x', kind: 'top', measures: 'bytes', by: 'app', sort: 'bytes', top: 5 });
  expect(fitted({ ...all, kind: 'heat_map' })).toEqual({ name: 'x', kind: 'heat_map', measures: 'bytes', by: 'app', top: 5, step: '5m' });
});

test('groups over time of all sources are asked of every record, those of channels within each', () => {
  expect(isOfEveryRecord({ name: '', kind: 'time_series', by: 'app' })).toBe(true);
  expect(isOfEveryRecord({ name: '', kind: 'time_series' })).toBe(false);
  expect(isOfEveryRecord({ name: '', kind: 'time_series', by: 'app', channels: ['core'] })).toBe(false);
  expect(isOfEveryRecord({ name: '', kind: 'time_series', by: 'app', profile: 'p-1' })).toBe(false);
});

test('the analysis of a chapter asks the same', () => {
  expect(analysisOf({ name: '', kind: 'sankey', by: 'src_addr,dst_addr', measures: 'packets', filter: 'tcp', profile: 'p-1', channels: ['a', 'b'] })).toMatchObject({
    as: 'sankey', by: 'src_addr,dst_addr', measure: 'packets', filter: 'tcp', profile: 'p-1', channel: 'a\nb',
  });
});

test('counters of listeners are told apart by their names, whatever these are', () => {
  const found = connections(
    [{ name: 'weir_a_total{listener="x\\"y",reason="r"}', value: 3 }, { name: 'weir_b{export="e"}', value: 1 }, { name: 'weir_c', value: 9 }],
    'listener',
  );
  expect(found).toEqual([{ name: 'x"y', counters: [{ name: 'weir_a_total', labels: 'reason="r"', value: 3 }] }]);
});

test('names of files hold nothing that a file system dislikes', () => {
  expect(fileName('../Top: senders / "all"', 'csv')).toBe('Top-senders-all.csv');
  expect(fileName('///', 'png')).toBe('view.png');
});
