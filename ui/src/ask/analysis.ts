// What the page Analysis shows, as its address has it.
import type { Chapter, Kind } from '../api/objects';
import { ALL_SOURCES } from '../api/objects';
import { KINDS, fitted, keysFor } from './chapter';
import { MEASURES, asked, type Measure } from './stack';

export type View = {
  filter: string;
  by: string;
  measure: Measure;
  top: number;
  /** The measure by which the table is sorted, where it is not that of the chart. */
  sort: string;
  table: 'top' | 'records';
  compare: boolean;
  /** All columns of records. */
  wide: boolean;
  /** The profile; empty means every record. */
  profile: string;
  /** Channels of the profile; none means all. */
  channels: string[];
  /** How it is drawn: over time, or as a chapter of this kind. */
  as: Kind;
  /** With a profile: groups within each channel in place of the channels. */
  groups: boolean;
};

/** Kinds as which the chart is drawn; lists stand in the table. */
export const DRAWN: Kind[] = ['time_series', 'pie', 'sankey', 'heat_map', 'world_map', 'performance', 'value'];

export const TOPS = [5, 10, 20, 50, 100];
export const DEFAULT_BY = 'src_addr';

/** Keys that are asked for most. */
export const KEYS: [key: string, words: string][] = [
  ['src_addr', 'Source address'],
  ['dst_addr', 'Destination address'],
  ['ip', 'Address, either side'],
  ['src_addr,dst_addr', 'Pairs of addresses'],
  ['protocol,server port', 'Service'],
  ['server ip,server port', 'Server and port'],
  ['application', 'Application'],
  ['app', 'Application, recognised'],
  ['app_name', 'Application, as the exporter says'],
  ['protocol', 'Protocol'],
  ['exporter', 'Source of records'],
  ['exporter,in_if', 'Interface in'],
  ['exporter,out_if', 'Interface out'],
  ['src_as', 'Source AS'],
  ['dst_as', 'Destination AS'],
  ['src_country', 'Source country'],
  ['dst_country', 'Destination country'],
  ['src_addr/24', 'Source network'],
  ['tls_sni', 'TLS server name'],
  ['http_host', 'HTTP host'],
  ['dns_name', 'DNS name'],
  ['format', 'Export protocol'],
];

/** What an address says; what makes no sense there is the default. */
export function viewOf(params: URLSearchParams): View {
  const top = Number(params.get('top'));
  return {
    filter: params.get('filter') ?? '',
    // `by` that is there and empty means the whole.
    by: params.get('by') ?? DEFAULT_BY,
    measure: MEASURES.find(({ name }) => name === params.get('measure')) ?? MEASURES[0]!,
    top: Number.isInteger(top) && top > 0 && top <= 1000 ? top : 10,
    sort: params.get('sort') ?? '',
    table: params.get('table') === 'records' ? 'records' : 'top',
    compare: params.get('compare') === '1',
    wide: params.get('wide') === '1',
    profile: params.get('profile') ?? '',
    channels: (params.get('channel') ?? '').split('\n').filter(Boolean),
    as: DRAWN.find((kind) => kind === params.get('as')) ?? 'time_series',
    groups: params.get('groups') === '1',
  };
}

/** The measures of the table: that of the chart first. */
export function measuresOf(measure: Measure): string[] {
  const common = ['bytes', 'bps', 'packets', 'flows'];
  return [measure.name, ...common.filter((name) => name !== measure.name)];
}

/** The chapter that shows the chart of a view; `kind` asks for another one of the same. */
export function chapterOf(view: View, kind: Kind = view.as, name = ''): Chapter {
  const { measures: usual, many } = KINDS[kind];
  const drawable = view.measure.adds || ['time_series', 'value', 'heat_map'].includes(kind);
  const byChannels = kind === 'time_series' && view.profile !== '' && !view.groups;
  return fitted({
    name,
    kind,
    profile: view.profile || ALL_SOURCES,
    channels: view.profile ? view.channels : [],
    filter: view.filter,
    by: byChannels ? '' : keysFor(kind, view.by),
    measures: kind === 'performance' ? usual : many ? measuresOf(view.measure).join(',') : drawable ? (kind === 'time_series' ? asked(view.measure) : view.measure.name) : usual,
    ...(kind === 'top' || kind === 'table' ? { sort: sortOf(view) } : {}),
    ...(kind === 'world_map' ? {} : { top: kind === 'time_series' ? Math.min(view.top, 10) : kind === 'sankey' ? Math.max(view.top, 30) : view.top }),
  });
}

/** The measure by which the table is sorted. */
export const sortOf = (view: View): string => (view.sort && measuresOf(view.measure).includes(view.sort) ? view.sort : view.measure.name);
