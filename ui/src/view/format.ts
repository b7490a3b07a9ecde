// Numbers as people read them. The exact number stands in the title of what shows it.
import type { Cell } from '../api/client';

const DASH = '–';
const exactNumber = new Intl.NumberFormat('en', { maximumFractionDigits: 3 });
const PREFIXES = ['', 'k', 'M', 'G', 'T', 'P', 'E'];

/** Three digits and a prefix of thousands: 1.23 M, 45.6 k, 789. */
function scaled(value: number, unit: string): string {
  if (!Number.isFinite(value)) return DASH;
  const size = Math.abs(value);
  if (size > 0 && size < 0.005) return unit ? `~0 ${unit}` : '~0';
  let power = size < 1 ? 0 : Math.min(Math.floor(Math.log10(size) / 3), PREFIXES.length - 1);
  let shown = value / 1000 ** power;
  // 999,950 would be rounded to 1000 k.
  if (Math.abs(Number(shown.toPrecision(3))) >= 1000 && power < PREFIXES.length - 1) {
    power += 1;
    shown = value / 1000 ** power;
  }
  const digits = Number(shown.toPrecision(3));
  const text = power === 0 && Number.isInteger(value) ? String(value) : String(digits);
  const suffix = `${PREFIXES[power]}${unit}`;
  return suffix ? `${text} ${suffix}` : text;
}

export const count = (value: number): string => scaled(value, '');
export const bytes = (value: number): string => scaled(value, 'B');
export const bits = (value: number): string => scaled(value, 'bit/s');

/** Microseconds. */
export function micros(value: number): string {
  if (!Number.isFinite(value)) return DASH;
  if (value < 1_000) return `${Number(value.toPrecision(3))} µs`;
  if (value < 1_000_000) return `${Number((value / 1_000).toPrecision(3))} ms`;
  return `${Number((value / 1_000_000).toPrecision(3))} s`;
}

/** A share of one, as per cent. */
export function percent(share: number): string {
  if (!Number.isFinite(share)) return DASH;
  const value = share * 100;
  if (value !== 0 && Math.abs(value) < 0.1) return value < 0 ? '> −0.1 %' : '< 0.1 %';
  return `${Math.abs(value) >= 10 ? Math.round(value) : Number(value.toFixed(1))} %`;
}

/** A length of time in seconds: 4 s, 12 min, 3 h 20 min, 5 d. */
export function duration(seconds: number): string {
  const size = Math.abs(seconds);
  const sign = seconds < 0 ? '−' : '';
  if (size < 1) return `${sign}${Math.round(size * 1000)} ms`;
  if (size < 10) return `${sign}${Number(size.toFixed(1))} s`;
  if (size < 90) return `${sign}${Math.round(size)} s`;
  const minutes = Math.round(size / 60);
  if (minutes < 90) return `${sign}${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 ? `${sign}${hours} h ${minutes % 60} min` : `${sign}${hours} h`;
  return `${sign}${Math.round(size / 86_400)} d`;
}

/** A number of this unit, as the API names units. */
export function quantity(value: number, unit: string | null | undefined): string {
  switch (unit) {
    case 'bytes':
      return bytes(value);
    case 'bit/s':
      return bits(value);
    case 'packets/s':
    case 'packet/s':
    case 'pps':
      return scaled(value, 'packets/s');
    case 'µs':
    case 'us':
      return micros(value);
    default:
      return count(value);
  }
}

/** All digits. */
export const exact = (value: number): string => exactNumber.format(value);

/** Protocols that are met; others are shown by number. */
const PROTOCOLS: Record<number, string> = {
  1: 'ICMP',
  2: 'IGMP',
  4: 'IPIP',
  6: 'TCP',
  17: 'UDP',
  41: 'IPv6',
  47: 'GRE',
  50: 'ESP',
  51: 'AH',
  58: 'ICMPv6',
  88: 'EIGRP',
  89: 'OSPF',
  103: 'PIM',
  112: 'VRRP',
  115: 'L2TP',
  132: 'SCTP',
  136: 'UDPLite',
};

/** The value of a key or of a column of a record, as text. */
export function value(name: string, cell: Cell | null | undefined): string {
  if (cell === undefined || cell === null) return DASH;
  if (name === 'protocol' && typeof cell === 'number') return PROTOCOLS[cell] ?? String(cell);
  if (typeof cell === 'object') return JSON.stringify(cell);
  return String(cell);
}
