// What the page Analysis shows, as its address has it.
import { MEASURES, type Measure } from './stack';

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
};

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
  };
}

/** The measures of the table: that of the chart first. */
export function measuresOf(measure: Measure): string[] {
  const common = ['bytes', 'bps', 'packets', 'flows'];
  return [measure.name, ...common.filter((name) => name !== measure.name)];
}
