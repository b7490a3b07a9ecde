// Countries in shades of a measure. Most of it lies in few countries, so shades go by the logarithm.
import type { EChartsOption } from './echarts';
import { lines, shades, tooltip, type Shown } from './kinds';
import * as format from '../view/format';
import { colour } from '../view/theme.svelte';

/** Less than this part of the largest has the lightest shade. */
const RANGE = 10_000;

const names = new Intl.DisplayNames(['en'], { type: 'region', fallback: 'code' });

/** The name of a country. */
export function country(code: string): string {
  try {
    return names.of(code) ?? code;
  } catch {
    // No code of a region.
    return code;
  }
}

export function mapOption({ answer, column, unit }: Shown): EChartsOption {
  const key = answer.columns.find(({ role }) => role === 'key')?.name ?? '';
  const sizes = new Map(answer.rows.filter((row) => row[key] !== undefined).map((row) => [String(row[key]), Number(row[column] ?? 0)]));
  const largest = Math.max(1, ...sizes.values());
  const shade = (size: number): number => Math.max(0, Math.log10(size / largest) + Math.log10(RANGE));
  const muted = colour('muted');
  return {
    animation: false,
    textStyle: { fontFamily: 'inherit' },
    tooltip: tooltip((point) => {
      const { name } = point as { name: string };
      const size = sizes.get(name);
      return name ? lines([[country(name), size === undefined ? 'nothing' : format.quantity(size, unit)]]) : '';
    }),
    visualMap: {
      min: 0,
      max: Math.log10(RANGE),
      calculable: false,
      left: 8,
      bottom: 4,
      itemHeight: 70,
      itemWidth: 8,
      text: [format.quantity(largest, unit), `≤ ${format.quantity(largest / RANGE, unit)}`],
      textStyle: { color: muted, fontSize: 11 },
      inRange: { color: shades() },
    },
    series: [
      {
        type: 'map',
        map: 'world',
        nameProperty: 'code',
        roam: false,
        silent: false,
        selectedMode: false,
        aspectScale: 0.82,
        left: 4,
        right: 4,
        top: 4,
        bottom: 4,
        label: { show: false },
        itemStyle: { areaColor: colour('sunken'), borderColor: colour('line'), borderWidth: 0.6 },
        emphasis: { label: { show: false }, itemStyle: { areaColor: colour('accent') } },
        data: [...sizes].filter(([, size]) => size > 0).map(([name, size]) => ({ name, value: shade(size) })),
      },
    ],
  };
}
