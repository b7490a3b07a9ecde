// Series over time, put together from answers: bands that lie on each other, what no band has, the error of sampling, the period before.
import type { Answer, Cell, Row } from '../api/client';
import { failOversOf, merged, type FailOver } from './failover';
import * as format from '../view/format';
import type { Moment, Span } from '../view/time';

/** One value of the keys, over time. */
export type Band = {
  /** Values of the keys, in their order; the whole, and the others, have none. */
  keys: (Cell | null)[] | undefined;
  label: string;
  values: (number | null)[];
  /** The colour of its channel; without it that of its value. */
  colour?: string;
  /** Drawn below the axis. */
  below?: boolean;
  /** A line over its parts, which are other bands. */
  whole?: boolean;
  /** A part of another band. */
  part?: boolean;
};

export type Stack = {
  span: Span;
  /** Milliseconds of a slot. */
  step: number;
  /** Begins of slots. */
  slots: Moment[];
  /** The largest first, the others last. */
  bands: Band[];
  /** The whole of each slot above the axis; of what does not add up the largest band. */
  total: (number | null)[];
  /** The standard error of the whole, where records are sampled. */
  error: number[] | undefined;
  /** The same below the axis. */
  below?: { total: (number | null)[]; error: number[] | undefined };
  /** The whole of the period before, moved to this one. */
  previous: (number | null)[] | undefined;
  unit: string;
  /** Gaps at which another unit of a group took over. */
  failOvers?: FailOver[];
};

/** What a chart shows. */
export type Measure = {
  /** As the API calls it. */
  name: string;
  words: string;
  unit: string;
  /** Values of groups add up to the whole, so bands may lie on each other. */
  adds: boolean;
  /** The sum from which a rate is made, with its standard error. */
  sum?: { name: string; factor: number };
};

export const MEASURES: Measure[] = [
  { name: 'bps', words: 'Bits per second', unit: 'bit/s', adds: true, sum: { name: 'bytes', factor: 8 } },
  { name: 'pps', words: 'Packets per second', unit: 'packets/s', adds: true, sum: { name: 'packets', factor: 1 } },
  { name: 'flows', words: 'Flows', unit: 'flows', adds: true },
  { name: 'connections', words: 'Connections', unit: 'connections', adds: true },
  { name: 'bytes', words: 'Bytes', unit: 'bytes', adds: true, sum: { name: 'bytes', factor: 0 } },
  { name: 'packets', words: 'Packets', unit: 'packets', adds: true, sum: { name: 'packets', factor: 0 } },
  { name: 'retransmissions', words: 'Retransmissions', unit: 'packets', adds: true },
  { name: 'rtt p95', words: 'Round-trip time, 95th percentile', unit: 'µs', adds: false },
  { name: 'rtt median', words: 'Round-trip time, median', unit: 'µs', adds: false },
  { name: 'srt p95', words: 'Response time, 95th percentile', unit: 'µs', adds: false },
  { name: 'srt median', words: 'Response time, median', unit: 'µs', adds: false },
  { name: 'distinct(src_addr)', words: 'Different sources', unit: 'addresses', adds: false },
  { name: 'distinct(dst_addr)', words: 'Different destinations', unit: 'addresses', adds: false },
];

/** Units of measures that are not in the list, as far as their names tell. */
const UNITS: [RegExp, string][] = [
  [/^(rtt|srt|jitter|.*\((rtt|srt|jitter))/, 'µs'],
  [/bytes/, 'bytes'],
  [/^distinct/, 'different'],
];

/** Sums and rates add up; other measures do not. */
const ADDS = /^(bps|pps|flows|samples|connections|records|bytes|packets|frame_bytes|retransmissions)$/;

/** The measure of this name. */
export function measureOf(name: string): Measure {
  const known = MEASURES.find((measure) => measure.name === name);
  return known ?? { name, words: name, unit: UNITS.find(([shape]) => shape.test(name))?.[1] ?? '', adds: ADDS.test(name) };
}

/** What to ask for so that a chart of this measure has its error too. */
export function asked(measure: Measure): string {
  return measure.sum && measure.sum.name !== measure.name ? `${measure.name},${measure.sum.name}` : measure.name;
}

/** The name of a measure in rows of this answer: `rtt p95` is written there as the answer likes. */
export function columnOf(answer: Answer, measure: Measure): string {
  const wanted = measure.name.replace(/\W+/g, '_').replace(/_$/, '');
  const measures = answer.columns.filter((column) => column.role === 'measure');
  const found = measures.find(({ name }) => name === measure.name || name.replace(/\W+/g, '_').replace(/_$/, '') === wanted);
  return (found ?? measures[0])?.name ?? measure.name;
}

/** The label of a group. */
export function labelOf(names: string[], keys: (Cell | null)[]): string {
  return keys.map((key, place) => (key === null ? `no ${names[place]}` : format.value(names[place] ?? '', key))).join(' · ');
}

const number = (cell: Cell | null | undefined): number => (typeof cell === 'number' ? cell : Number(cell ?? 0));

/** The begins of slots that have a part in a span. Slots begin at multiples of their step since 1970. */
export function slotsOf(span: Span, step: number): Moment[] {
  const first = Math.floor(span.from / step) * step;
  return Array.from({ length: Math.max(0, Math.ceil((span.to - first) / step)) }, (_, place) => first + place * step);
}

export type Parts = {
  span: Span;
  step: number;
  measure: Measure;
  /** A series: with keys, or without. */
  answer: Answer;
  /** A series without keys of the period before. */
  before?: Answer | undefined;
  /** Where the period before begins. */
  beforeFrom?: Moment;
  now: Moment;
};

/** Puts a chart together. The slot that goes on now is left out: half a slot would look like a fall. */
export function stack({ span, step, measure, answer, before, beforeFrom, now }: Parts): Stack {
  const all = slotsOf(span, step);
  const whole = all.filter((slot) => slot + step <= now);
  const slots = whole.length ? whole : all;
  const places = new Map(slots.map((slot, place) => [slot, place]));
  const fill = (rows: Row[], column: string, shift = 0): (number | null)[] => {
    // Where nothing was, sums are zero, and times are not known.
    const values: (number | null)[] = slots.map(() => (measure.adds ? 0 : null));
    for (const row of rows) {
      const place = places.get(Date.parse(String(row['slot'])) + shift);
      if (place === undefined || row[column] === undefined) continue;
      // Of groups that were made one there are several rows.
      values[place] = measure.adds ? (values[place] ?? 0) + number(row[column]) : number(row[column]);
    }
    return values;
  };

  const column = columnOf(answer, measure);
  const groups = groupsOf(answer, column);
  const bands = groups.map(({ keys, label, rows }) => ({ keys, label, values: fill(rows, column) }));
  const total = slots.map((_, place) => joined(bands.map(({ values }) => values[place] ?? null), measure));

  const errors = measure.sum && `${measure.sum.name}_error`;
  let error: number[] | undefined;
  if (measure.sum && errors && answer.columns.some(({ name }) => name === errors)) {
    // Of a sum the error itself, of a rate the error over the slot. Bands are sampled each for itself.
    const factor = measure.sum.factor ? measure.sum.factor / (step / 1000) : 1;
    const parts = groups.map(({ rows }) => fill(rows, errors));
    const found = slots.map((_, place) => Math.sqrt(parts.reduce((sum, values) => sum + (values[place] ?? 0) ** 2, 0)) * factor);
    if (found.some((value) => value > 0)) error = found;
  }
  const previous = before && fill(before.rows, columnOf(before, measure), slotShift(span, beforeFrom ?? span.from, step));
  return { span, step, slots, bands, total, error, previous, unit: measure.unit, failOvers: failOversOf(answer.notes) };
}

export type ChannelStack = { stack: Stack; name: string; colour: string; below: boolean; /** The channel of which it is a part. */ partOf?: string };

/** Puts the stacks of several channels together: those above the axis, and those below. What has its parts beside it is a line over them, and counts once. */
export function together(parts: ChannelStack[], measure: Measure): Stack | undefined {
  const [first] = parts;
  if (!first) return undefined;
  const failOvers = merged(parts.map(({ stack }) => stack.failOvers));
  const names = new Set(parts.map(({ name }) => name));
  const wholes = new Set(parts.flatMap(({ partOf }) => (partOf && names.has(partOf) ? [partOf] : [])));
  const isPart = ({ partOf }: ChannelStack): boolean => partOf !== undefined && wholes.has(partOf);
  const hasGroups = parts.some(({ stack }) => stack.bands.some(({ keys }) => keys));
  // Groups within a channel and within its parts are the same: those of the whole are shown.
  const shown = hasGroups ? parts.filter((part) => !isPart(part)) : parts;
  const bands = shown.flatMap((part) => {
    const { stack, name, colour, below } = part;
    return stack.bands.map((band): Band => {
      const only = stack.bands.length === 1 && !band.keys;
      const place = hasGroups ? {} : { ...(wholes.has(name) ? { whole: true } : {}), ...(isPart(part) ? { part: true } : {}) };
      return { ...band, label: only ? name : `${name} · ${band.label}`, below, ...(only ? { colour } : {}), ...place };
    });
  });
  const side = (below: boolean): { total: (number | null)[]; error: number[] | undefined } => {
    const own = shown.filter((part) => part.below === below && !isPart(part)).map(({ stack }) => stack);
    const total = first.stack.slots.map((_, place) => joined(own.map(({ total }) => total[place] ?? null), measure));
    const errors = own.map(({ error }) => error).filter((error) => error !== undefined);
    return { total, error: errors.length ? first.stack.slots.map((_, place) => Math.hypot(...errors.map((error) => error[place] ?? 0))) : undefined };
  };
  return { ...first.stack, bands, failOvers, ...side(false), ...(parts.some(({ below }) => below) ? { below: side(true) } : {}) };
}

function joined(values: (number | null)[], measure: Measure): number | null {
  const known = values.filter((value) => value !== null);
  if (!known.length) return null;
  return measure.adds ? known.reduce((sum, value) => sum + value, 0) : Math.max(...known);
}

/** By how much slots of the period before are moved: whole slots. */
function slotShift(span: Span, beforeFrom: Moment, step: number): number {
  return Math.round((span.from - beforeFrom) / step) * step;
}

/** In a series of the largest groups: what all others have. */
const OTHERS = '(others)';

type Group = { keys: (Cell | null)[] | undefined; label: string; rows: Row[]; size: number };

/** The rows of each group, the largest first, the others last. */
function groupsOf(answer: Answer, column: string): Group[] {
  const names = answer.columns.filter(({ role }) => role === 'key').map(({ name }) => name);
  if (!names.length) return [{ keys: undefined, label: 'All', rows: answer.rows, size: 0 }];
  const groups = new Map<string, Group>();
  for (const row of answer.rows) {
    const keys = names.map((name) => row[name] ?? null);
    const id = JSON.stringify(keys);
    let group = groups.get(id);
    if (!group) {
      const others = keys.every((key) => key === OTHERS);
      group = { keys: others ? undefined : keys, label: others ? 'Others' : labelOf(names, keys), rows: [], size: 0 };
      groups.set(id, group);
    }
    group.rows.push(row);
    group.size += number(row[column]);
  }
  return [...groups.values()].sort((one, other) => Number(!one.keys) - Number(!other.keys) || other.size - one.size);
}

/** Several bands as one. */
export function sumOf(bands: Band[], label: string): Band {
  const [first, ...others] = bands;
  const values = (first?.values ?? []).map((value, place) => others.reduce((sum, { values }) => sum + (values[place] ?? 0), value ?? 0));
  return { keys: undefined, label, values };
}

/** Largest, mean and latest value of a band. */
export function summary(band: Band): { mean: number; max: number; latest: number } {
  const known = band.values.filter((value) => value !== null);
  const sum = known.reduce((sum, value) => sum + value, 0);
  return { mean: known.length ? sum / known.length : NaN, max: known.length ? Math.max(...known) : NaN, latest: known.at(-1) ?? NaN };
}
