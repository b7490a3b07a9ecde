// Times: ranges of the address, steps of charts, and how points in time are written, in the user's zone with UTC beside.

/** Milliseconds since 1970. */
export type Moment = number;

/** A range as the address has it: a length until now, or two points. */
export type Range = { last: string } | { from: Moment; to: Moment };

export type Span = { from: Moment; to: Moment };

export const DEFAULT_LAST = '1h';

/** Lengths that can be chosen. */
export const LENGTHS: [text: string, words: string][] = [
  ['15m', '15 minutes'],
  ['1h', '1 hour'],
  ['6h', '6 hours'],
  ['24h', '24 hours'],
  ['7d', '7 days'],
  ['30d', '30 days'],
];

const UNITS: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/** Milliseconds of a length such as `1h30m`; undefined where it is none. */
export function length(text: string): number | undefined {
  if (!/^(\d+[smhdw])+$/.test(text)) return undefined;
  const parts = [...text.matchAll(/(\d+)([smhdw])/g)];
  const total = parts.reduce((sum, [, number, unit]) => sum + Number(number) * (UNITS[unit ?? ''] ?? 0), 0);
  return total > 0 && total <= 3650 * 86_400_000 ? total : undefined;
}

const USUAL: Range = { last: DEFAULT_LAST };

/** The range of an address; what makes no sense there is the usual one of the page. */
export function rangeOf(params: URLSearchParams, usual: Range = USUAL): Range {
  const from = Date.parse(params.get('from') ?? '');
  const to = Date.parse(params.get('to') ?? '');
  if (from < to) return { from, to };
  const last = params.get('last') ?? '';
  return length(last) ? { last } : usual;
}

/** The parameters that say a range. */
export function rangeParams(range: Range, usual: Range = USUAL): Record<string, string | undefined> {
  if ('last' in range) return { last: 'last' in usual && range.last === usual.last ? undefined : range.last, from: undefined, to: undefined };
  return { last: undefined, from: text(range.from), to: text(range.to) };
}

/** Begin and end of a range at this time. */
export function spanOf(range: Range, now: Moment): Span {
  if (!('last' in range)) return range;
  return { from: now - (length(range.last) ?? 3_600_000), to: now };
}

/** RFC 3339 in UTC, without a fraction where there is none. */
export function text(moment: Moment): string {
  return new Date(moment).toISOString().replace('.000Z', 'Z');
}

/** What a field of local time holds. */
export function field(moment: Moment): string {
  const shifted = new Date(moment - new Date(moment).getTimezoneOffset() * 60_000);
  return shifted.toISOString().slice(0, 19);
}

/** Steps of charts, with the text that the API reads. */
const STEPS: [number, string][] = [
  [1_000, '1s'],
  [5_000, '5s'],
  [10_000, '10s'],
  [30_000, '30s'],
  [60_000, '1m'],
  [120_000, '2m'],
  [300_000, '5m'],
  [900_000, '15m'],
  [1_800_000, '30m'],
  [3_600_000, '1h'],
  [7_200_000, '2h'],
  [21_600_000, '6h'],
  [43_200_000, '12h'],
  [86_400_000, '1d'],
  [604_800_000, '7d'],
];

/** From this length on a step is at least a minute, which the kept series answer. */
const MINUTES_FROM = 1_200_000;

/** The step of a chart of so many points at most. */
export function stepOf(span: Span, points = 120): { ms: number; text: string } {
  const size = span.to - span.from;
  const least = Math.max(size / points, size >= MINUTES_FROM ? 60_000 : 1_000);
  const [ms, words] = STEPS.find(([ms]) => ms >= least) ?? STEPS[STEPS.length - 1] ?? [86_400_000, '1d'];
  return { ms, text: words };
}

/** The newest part of a span that is long enough to have one: whole steps of it, about a hundredth. */
export function newestOf(span: Span, step: number): Span | undefined {
  const length = Math.ceil((span.to - span.from) / 100 / step) * step;
  return length < 60_000 || length * 4 > span.to - span.from ? undefined : { from: Math.floor((span.to - length) / step) * step, to: span.to };
}

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

/** The user's zone is UTC, so one time says both. */
const isUtc = ['UTC', 'Etc/UTC', 'GMT', 'Etc/GMT'].includes(zone);

/** The name of the user's zone. */
export const zoneName = isUtc ? 'UTC' : zone;

const day = { year: 'numeric', month: 'short', day: 'numeric' } as const;
const clock = { hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false } as const;
const format = (options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat => new Intl.DateTimeFormat('en-GB', options);
const localFull = format({ ...day, ...clock });
const utcFull = format({ ...day, ...clock, timeZone: 'UTC' });
const utcClock = format({ ...clock, timeZone: 'UTC' });
const localClock = format(clock);
const localShort = format({ month: 'short', day: 'numeric', ...clock });
const localDay = format(day);

/** Date and time in the user's zone. */
export const local = (moment: Moment): string => localFull.format(moment);

/** Day and time in the user's zone, without the year. */
export const short = (moment: Moment): string => localShort.format(moment);

/** UTC beside a local time; empty where that would say the same twice. */
export function utcBeside(moment: Moment): string {
  return isUtc ? 'UTC' : `${utcClock.format(moment)} UTC`;
}

/** Both, in full, for titles. */
export function both(moment: Moment): string {
  return isUtc ? `${utcFull.format(moment)} UTC` : `${localFull.format(moment)} (${zone}) · ${utcFull.format(moment)} UTC`;
}

/** A range in words. */
export function spanText({ from, to }: Span): string {
  const sameDay = localDay.format(from) === localDay.format(to);
  return `${localFull.format(from)} – ${sameDay ? localClock.format(to) : localFull.format(to)}`;
}

/** A range in the words that tell it from others now: without the year, where that is the one of now. */
export function spanShort({ from, to }: Span, now: Moment): string {
  const year = (moment: Moment): number => new Date(moment).getFullYear();
  if ([from, to].some((moment) => year(moment) !== year(now))) return spanText({ from, to });
  const sameDay = localDay.format(from) === localDay.format(to);
  return `${localShort.format(from)} – ${sameDay ? localClock.format(to) : localShort.format(to)}`;
}

const axisDay = format({ month: 'short', day: 'numeric' });
const axisClock = format({ hour: '2-digit', minute: '2-digit', hour12: false });

/** A place of an axis whose places lie so far apart. */
export const axis = (moment: Moment, step: number): string => (step >= 86_400_000 ? axisDay : step < 60_000 ? localClock : axisClock).format(moment);
