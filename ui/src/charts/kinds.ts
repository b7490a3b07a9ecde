// How answers are drawn that are no bands over time: shares, paths, heat. Names stand as text in nodes, so no text of an exporter is read as HTML.
import type { Answer, Cell, Row } from '../api/client';
import { labelOf, type Stack } from '../ask/stack';
import type { EChartsOption } from './echarts';
import { SERIES_COLOURS, placesOf } from '../view/colour';
import * as format from '../view/format';
import { colour } from '../view/theme.svelte';
import * as time from '../view/time';
import { box, element } from './tip';

/** Slices of a pie; what is smaller is told together. */
const SLICES = 9;

/** Nodes of a smaller part have no room for their names. */
const LABELLED = 0.012;

const number = (cell: Cell | undefined | null): number => Number(cell ?? 0);
const keysOf = (answer: Answer): string[] => answer.columns.filter(({ role }) => role === 'key').map(({ name }) => name);
const cells = (row: Row, keys: string[]): (Cell | null)[] => keys.map((key) => row[key] ?? null);

/** What a chart shows of an answer: one measure, with its unit. */
export type Shown = { answer: Answer; column: string; unit: string | null | undefined; dimension: string };

/** The largest groups and the rest of the whole; a rest that is negative, because groups overlap, is none. */
export function slices({ answer, column, dimension }: Shown): { label: string; value: number; colour: string; row?: Row }[] {
  const keys = keysOf(answer);
  const rows = answer.rows.filter((row) => number(row[column]) > 0).slice(0, SLICES);
  const labels = rows.map((row) => labelOf(keys, cells(row, keys)));
  const places = placesOf(dimension, labels);
  const shown = rows.map((row, place) => ({ label: labels[place] ?? '', value: number(row[column]), colour: `series-${places[place] ?? 0}`, row }));
  const rest = number(answer.totals?.[column]) - shown.reduce((sum, { value }) => sum + value, 0);
  return rest > 0 ? [...shown, { label: 'Others', value: rest, colour: 'others' }] : shown;
}

export function pieOption(shown: Shown): EChartsOption {
  const parts = slices(shown);
  return {
    animation: false,
    textStyle: { fontFamily: 'inherit' },
    tooltip: tooltip((point) => {
      const part = parts[(point as { dataIndex?: number }).dataIndex ?? -1];
      const whole = parts.reduce((sum, { value }) => sum + value, 0);
      return part ? lines([[part.label, format.quantity(part.value, shown.unit)], ['Share', format.percent(part.value / whole)]]) : '';
    }),
    series: [
      {
        type: 'pie',
        radius: ['52%', '88%'],
        label: { show: false },
        emphasis: { scale: false },
        itemStyle: { borderColor: colour('surface'), borderWidth: 1.5 },
        data: parts.map(({ label, value, colour: name }) => ({ name: label, value, itemStyle: { color: colour(name) } })),
      },
    ],
  };
}

/** Columns of a diagram of paths, with names of values for people; a value keeps to its column, so paths never run in a circle. */
export function sankeyOption({ answer, column, unit, dimension }: Shown, names?: Map<string, string>): EChartsOption {
  const keys = keysOf(answer);
  const nodes = new Map<string, { name: string; label: string; depth: number; value: number }>();
  const links = new Map<string, { source: string; target: string; value: number }>();
  for (const row of answer.rows) {
    const size = number(row[column]);
    if (size <= 0) continue;
    const path = cells(row, keys).map((cell, depth) => {
      const text = labelOf([keys[depth] ?? ''], [cell]);
      const label = names?.get(text) ?? text;
      const name = `${depth} ${label}`;
      const node = nodes.get(name) ?? { name, label, depth, value: 0 };
      node.value += size;
      nodes.set(name, node);
      return name;
    });
    path.slice(1).forEach((target, place) => {
      const source = path[place] ?? '';
      const id = JSON.stringify([source, target]);
      const link = links.get(id) ?? { source, target, value: 0 };
      link.value += size;
      links.set(id, link);
    });
  }
  const all = [...nodes.values()];
  const whole = all.reduce((sum, { depth, value }) => sum + (depth === 0 ? value : 0), 0);
  // The largest have colours of their own.
  const largest = [...all].sort((one, other) => other.value - one.value).slice(0, SERIES_COLOURS);
  const places = new Map(placesOf(`${dimension} paths`, largest.map(({ label }) => label)).map((place, index) => [largest[index]?.name, `series-${place}`]));
  return {
    animation: false,
    textStyle: { fontFamily: 'inherit' },
    tooltip: tooltip((point) => {
      const { dataType, data } = point as { dataType?: string; data?: { name?: string; source?: string; target?: string; value?: number } };
      const label = (name: string | undefined): string => nodes.get(name ?? '')?.label ?? '';
      if (dataType === 'edge') return lines([[`${label(data?.source)} → ${label(data?.target)}`, format.quantity(data?.value ?? 0, unit)]]);
      return lines([[label(data?.name), format.quantity(nodes.get(data?.name ?? '')?.value ?? 0, unit)]]);
    }),
    series: [
      {
        type: 'sankey',
        left: 8,
        right: 8,
        top: 10,
        bottom: 10,
        nodeWidth: 12,
        nodeGap: 9,
        draggable: false,
        emphasis: { focus: 'adjacency' },
        lineStyle: { color: 'source', opacity: 0.32, curveness: 0.5 },
        data: all.map(({ name, label, depth, value }) => ({
          name,
          depth,
          itemStyle: { color: colour(places.get(name) ?? 'others'), borderWidth: 0 },
          // The last column has its names inside.
          label: { show: value > whole * LABELLED, formatter: () => short(label), position: depth === keys.length - 1 ? ('left' as const) : ('right' as const), color: colour('text'), fontSize: 11 },
        })),
        links: [...links.values()],
      },
    ],
  };
}

/** Values over time as shades: a row for each group. */
export function heatOption(stack: Stack): EChartsOption {
  // Whatever has no value at all, as an application whose response times nobody measured, has no row.
  const bands = stack.bands.filter(({ values }) => values.some((value) => value !== null)).slice(0, 30).reverse();
  // What was not measured is no cell: it is not nothing.
  const cells = bands.flatMap(({ values }, row) => values.flatMap((value, slot): [number, number, number][] => (value === null ? [] : [[slot, row, value]])));
  const largest = Math.max(1, ...cells.map(([, , value]) => value));
  const muted = colour('muted');
  return {
    animation: false,
    textStyle: { fontFamily: 'inherit' },
    grid: { left: 8, right: 12, top: 8, bottom: 40, outerBoundsMode: 'same', outerBoundsContain: 'axisLabel' },
    xAxis: {
      type: 'category',
      data: stack.slots.map((slot) => time.axis(slot, stack.step)),
      axisLine: { show: false },
      axisTick: { show: false },
      axisLabel: { color: muted, fontSize: 11, hideOverlap: true },
    },
    yAxis: {
      type: 'category',
      data: bands.map(({ label }) => label),
      axisLine: { show: false },
      axisTick: { show: false },
      axisLabel: { color: muted, fontSize: 11, formatter: short },
    },
    visualMap: {
      min: 0,
      max: largest,
      calculable: false,
      orient: 'horizontal',
      left: 'center',
      bottom: 0,
      itemHeight: 120,
      itemWidth: 8,
      text: [format.quantity(largest, stack.unit), '0'],
      textStyle: { color: muted, fontSize: 11 },
      inRange: { color: shades() },
    },
    tooltip: tooltip((point) => {
      const [slot, row, value] = (point as { data?: [number, number, number] }).data ?? [0, 0, 0];
      const at = stack.slots[slot] ?? 0;
      return box(time.local(at), time.utcBeside(at), lines([[bands[row]?.label ?? '', format.quantity(value, stack.unit)]]));
    }),
    series: [{ type: 'heatmap', data: cells, itemStyle: { borderColor: colour('surface'), borderWidth: 1 }, emphasis: { itemStyle: { borderColor: colour('text') } } }],
  };
}

/** From nothing to the largest. */
export const shades = (): string[] => [colour('heat-0'), colour('heat-1'), colour('heat-2'), colour('heat-3')];

/** What all tips have in common. */
export function tooltip(formatter: (point: unknown) => HTMLElement | string): EChartsOption['tooltip'] {
  return { trigger: 'item', confine: true, className: 'chart-tip', backgroundColor: colour('surface'), borderColor: colour('line'), padding: 0, formatter };
}

/** Names and values below each other. */
export function lines(pairs: [string, string][]): HTMLElement {
  const tip = element('div', 'tip');
  const list = element('dl', 'tip-list');
  for (const [name, value] of pairs) {
    const term = element('dt');
    term.append(element('span', '', name));
    list.append(term, element('dd', '', value));
  }
  tip.append(list);
  return tip;
}

const short = (label: string): string => (label.length > 26 ? `${label.slice(0, 25)}…` : label);
