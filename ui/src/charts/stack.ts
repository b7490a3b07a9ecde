// How a stack of series is drawn: areas, the error of sampling, the period before, and a strip that says how complete each slot is.
import type { EChartsOption, SeriesOption } from './echarts';
import { element } from './tip';
import { missing, type Slot } from '../ask/health';
import { lengthOf, sentence } from '../ask/failover';
import type { Measure, Stack } from '../ask/stack';
import * as format from '../view/format';
import { placesOf } from '../view/colour';
import { colour, paint } from '../view/theme.svelte';
import * as time from '../view/time';

/** Pixels that a gap is wide at least, and that its length takes. */
const GAP_WIDTH = 2;
const LABEL_WIDTH = 48;

/** Records of a flow arrive when it ends, or every few minutes: what is newer may grow. */
const ARRIVING = 300_000;

export type Look = { colour: string };

/** The colours of bands, as they are in legend and chart. */
export function looks(dimension: string, stack: Stack): string[] {
  const named = stack.bands.filter(({ keys }) => keys);
  const places = placesOf(dimension, named.map(({ label }) => label));
  let next = 0;
  return stack.bands.map((band) => {
    if (band.colour) return band.colour;
    if (band.keys) return `series-${places[next++] ?? 0}`;
    return stack.bands.length === 1 ? 'series-0' : 'others';
  });
}

type Drawn = { stack: Stack; measure: Measure; colours: string[]; health: Slot[] | undefined; now: time.Moment; narrow: boolean; low: boolean; /** Pixels of the plot. */ width: number; /** What people call a unit. */ called?: ((address: string) => string) | undefined };

export function stackOption(drawn: Drawn): EChartsOption {
  const { stack, measure, health, narrow, low } = drawn;
  const { from, to } = stack.span;
  const muted = colour('muted');
  // Plot and strip begin at the same place, with room for the longest number.
  const letters = Math.max(...[444_000, 444_000_000].map((value) => format.quantity(value, stack.unit).length));
  const left = 14 + (narrow ? 5.6 : 6.2) * letters;
  const axis = { min: from, max: to, type: 'time' as const, axisTick: { show: false }, splitLine: { show: false } };
  return {
    animation: false,
    textStyle: { fontFamily: 'inherit' },
    grid: [
      { left, right: 12, top: 14, bottom: 34, outerBoundsMode: 'none' },
      { left, right: 12, height: 6, bottom: 2, outerBoundsMode: 'none' },
    ],
    xAxis: [
      {
        ...axis,
        gridIndex: 0,
        axisLine: { lineStyle: { color: colour('line') } },
        axisLabel: { color: muted, fontSize: narrow ? 10 : 11, hideOverlap: true },
      },
      { ...axis, gridIndex: 1, show: false },
    ],
    yAxis: [
      {
        type: 'value',
        gridIndex: 0,
        // Below the axis stand numbers as they are above it.
        ...(stack.below ? {} : { min: 0 }),
        splitNumber: low ? 2 : narrow ? 3 : 4,
        axisLabel: { color: muted, fontSize: narrow ? 10 : 11, formatter: (value: number) => format.quantity(Math.abs(value), stack.unit) },
        splitLine: { lineStyle: { color: colour('line-soft') } },
      },
      { type: 'value', gridIndex: 1, min: 0, max: 1, show: false },
    ],
    tooltip: {
      trigger: 'axis',
      confine: true,
      className: 'chart-tip',
      backgroundColor: colour('surface'),
      borderColor: colour('line'),
      padding: 0,
      axisPointer: { type: 'line', lineStyle: { color: muted, type: 'dashed' } },
      formatter: (points: unknown) => tip(drawn, (Array.isArray(points) ? points[0] : points) as { dataIndex?: number }),
    },
    brush: {
      xAxisIndex: 0,
      brushType: 'lineX',
      throttleType: 'debounce',
      toolbox: [],
      brushStyle: { borderWidth: 1, color: colour('brush'), borderColor: colour('accent') },
      outOfBrush: { colorAlpha: 1 },
      inBrush: { colorAlpha: 1 },
    },
    series: [...bands(drawn), ...error(stack.total, stack.error, stack, 1), ...(stack.below ? error(stack.below.total, stack.below.error, stack, -1) : []), ...previous(stack, measure), ...failOvers(drawn), ...strip(stack, health, drawn.now)],
  };
}

const points = (stack: Stack, values: (number | null)[]): [number, number | null][] =>
  values.map((value, place) => [stack.slots[place] ?? 0, value]);

function bands({ stack, measure, colours, now }: Drawn): SeriesOption[] {
  return stack.bands.map((band, index) => ({
    type: 'line',
    name: band.label,
    data: points(stack, band.below ? band.values.map((value) => value && -value) : band.values),
    // A value without neighbours has no length, so it needs its point.
    showSymbol: true,
    symbol: (_: unknown, at: { dataIndex: number }) => (isAlone(band.values, at.dataIndex) ? 'circle' : 'none'),
    symbolSize: 4,
    connectNulls: false,
    silent: true,
    color: paint(colours[index] ?? 'others'),
    lineStyle: { width: band.whole ? 2.25 : measure.adds ? 0.75 : 1.75 },
    ...(band.whole ? { z: 4 } : {}),
    ...(measure.adds && !band.whole ? { stack: band.below ? 'below' : 'bands', areaStyle: { opacity: 0.82 } } : {}),
    ...(index === 0 ? { markArea: arriving(stack, now) } : {}),
  }));
}

const isAlone = (values: (number | null)[], at: number): boolean => (values[at] ?? null) !== null && (values[at - 1] ?? null) === null && (values[at + 1] ?? null) === null;

/** The newest minutes, which still grow. */
function arriving({ span }: Stack, now: time.Moment): SeriesOption['markArea'] {
  const since = Math.max(span.from, now - ARRIVING);
  if (since >= span.to) return undefined;
  return { silent: true, itemStyle: { color: colour('arriving') }, data: [[{ xAxis: since }, { xAxis: span.to }]] };
}

/** A standard error to each side of the whole; the sign says on which side of the axis. */
function error(total: (number | null)[], error: number[] | undefined, stack: Stack, sign: 1 | -1): SeriesOption[] {
  if (!error) return [];
  const low = total.map((value, place) => Math.max(0, (value ?? 0) - (error[place] ?? 0)));
  const width = total.map((value, place) => (value ?? 0) + (error[place] ?? 0) - (low[place] ?? 0));
  const edge = { width: 1, type: 'dotted', color: colour('error-edge') } as const;
  const line = { type: 'line', showSymbol: false, silent: true, stack: sign > 0 ? 'error' : 'error below', lineStyle: edge, z: 3 } as const;
  const signed = (values: number[]): number[] => values.map((value) => value * sign);
  return [
    { ...line, name: 'error below', data: points(stack, signed(low)) },
    { ...line, name: 'error', data: points(stack, signed(width)), areaStyle: { color: colour('error-band'), opacity: 1 } },
  ];
}

function previous(stack: Stack, measure: Measure): SeriesOption[] {
  if (!stack.previous) return [];
  const values = measure.adds ? stack.previous.map((value) => value ?? 0) : stack.previous;
  return [
    {
      type: 'line',
      name: 'period before',
      data: points(stack, values),
      showSymbol: false,
      silent: true,
      z: 4,
      color: colour('text'),
      lineStyle: { width: 1.5, type: 'dashed' },
    },
  ];
}

/** Gaps at which another unit of a group took over: as wide as they were, and never too narrow to be seen, with their length above. */
function failOvers({ stack, width }: Drawn): SeriesOption[] {
  const { from, to } = stack.span;
  const gaps = (stack.failOvers ?? []).filter(({ began, ended }) => ended > from && began < to);
  if (!gaps.length) return [];
  const pixel = (to - from) / Math.max(1, width);
  // Lengths that would lie over each other are left out; the tip has all.
  let free = -Infinity;
  const areas = gaps.map((gap): [object, object] => {
    const [begin, end] = [Math.max(gap.began, from), Math.min(Math.max(gap.ended, gap.began + GAP_WIDTH * pixel), to)];
    const fits = begin >= free;
    if (fits) free = begin + LABEL_WIDTH * pixel;
    return [{ xAxis: begin, itemStyle: gapStyle((end - begin) / pixel), label: { show: fits, formatter: lengthOf(gap) } }, { xAxis: end }];
  });
  const label = { position: 'top', distance: 2, fontSize: 10, fontWeight: 600, color: colour('gap') } as const;
  return [{ type: 'line', name: 'gaps', data: [], silent: true, markArea: { silent: true, z: 6, label, data: areas as never } }];
}

/** A gap of so many pixels: a bar, or where it is wide a veil with edges. */
export function gapStyle(width: number): object {
  const shade = colour('gap');
  return width > 2 * GAP_WIDTH ? { color: colour('gap-veil'), borderColor: shade, borderWidth: 1 } : { color: shade };
}

/** A line at the foot: what is known to be missing, where. */
function strip({ span }: Stack, health: Slot[] | undefined, now: time.Moment): SeriesOption[] {
  if (!health) return [];
  const until = Math.min(span.to, now);
  const areas = health
    .filter(({ from, to }) => to > span.from && from < until)
    .map(({ from, to, state }): [object, object] => [
      { xAxis: Math.max(from, span.from), itemStyle: { color: colour(`state-${state}`) } },
      { xAxis: Math.min(to, until) },
    ]);
  return [{ type: 'line', xAxisIndex: 1, yAxisIndex: 1, data: [], silent: true, markArea: { silent: true, data: areas as never } }];
}

/** What stands beside the pointer; made of nodes, so that no text of an exporter is read as HTML. */
function tip({ stack, measure, colours, health, called }: Drawn, point: { dataIndex?: number }): HTMLElement | string {
  const place = point.dataIndex;
  const slot = place === undefined ? undefined : stack.slots[place];
  if (place === undefined || slot === undefined) return '';
  const box = element('div', 'tip');
  const head = element('div', 'tip-head', time.local(slot));
  head.append(element('span', 'tip-utc', time.utcBeside(slot)));
  box.append(head);
  const list = element('dl', 'tip-list');
  const line = (label: string, value: number | null | undefined, name?: string): void => {
    const term = element('dt');
    const swatch = element('i', name ? 'swatch' : 'swatch none');
    if (name) swatch.style.background = paint(name);
    term.append(swatch, element('span', '', label));
    list.append(term, element('dd', '', value === null || value === undefined ? '–' : format.quantity(value, stack.unit)));
  };
  stack.bands.forEach((band, index) => {
    if (band.values[place] || stack.bands.length === 1) line(band.label, band.values[place], colours[index]);
  });
  const sums = measure.adds && stack.bands.length > 1;
  if (sums) line(stack.below ? 'All above' : 'All', stack.total[place]);
  if (stack.error?.[place]) line('± standard error', stack.error[place]);
  if (sums && stack.below) line('All below', stack.below.total[place]);
  if (stack.below?.error?.[place]) line('± standard error', stack.below.error[place]);
  if (stack.previous) line('Period before', stack.previous[place]);
  box.append(list);
  for (const gap of stack.failOvers ?? []) {
    if (gap.began < slot + stack.step && gap.ended > slot) box.append(element('p', 'tip-note gap', `${gap.group}: ${sentence(gap, called)}`));
  }
  const account = health?.find(({ from, to }) => slot >= from && slot < to);
  const words = account ? missing(account) : '';
  if (account && words) box.append(element('p', `tip-note state-${account.state}`, words));
  return box;
}
