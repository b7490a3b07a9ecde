// Chapters: what kinds of views there are, what each needs, and how an answer becomes what is drawn.
import { ask, type Answer, type Completeness } from '../api/client';
import { ALL_SOURCES, type Chapter, type Kind, type Part, type ViewData } from '../api/objects';
import { command } from './command';
import { question } from './series';
import { measureOf, stack, together, type Measure, type Stack } from './stack';
import * as time from '../view/time';

export type KindOf = {
  words: string;
  /** How many keys it takes. */
  keys: [least: number, most: number];
  /** What it shows when nothing is chosen. */
  measures: string;
  /** Several measures stand beside each other. */
  many: boolean;
  /** How many groups without a choice; none where it has no groups. */
  top?: number;
  /** The keys of a new one. */
  by?: string;
};

/** In the order in which they are offered. */
export const KINDS: Record<Kind, KindOf> = {
  time_series: { words: 'Time series', keys: [0, 8], measures: 'bps', many: false, top: 10 },
  top: { words: 'Top list', keys: [1, 8], measures: 'bytes,packets,flows', many: true, top: 10, by: 'src_addr' },
  table: { words: 'Table', keys: [1, 8], measures: 'bytes,packets,flows', many: true, top: 100, by: 'src_addr,dst_addr' },
  pie: { words: 'Pie', keys: [1, 1], measures: 'bytes', many: false, top: 10, by: 'application' },
  value: { words: 'Single value', keys: [0, 0], measures: 'bps', many: false },
  sankey: { words: 'Sankey diagram', keys: [2, 6], measures: 'bytes', many: false, top: 50, by: 'src_addr,dst_addr,dst_port' },
  heat_map: { words: 'Heat map', keys: [1, 1], measures: 'bytes', many: false, top: 20, by: 'application' },
  world_map: { words: 'World map', keys: [1, 1], measures: 'bytes', many: false, top: 250, by: 'country' },
  performance: { words: 'Performance', keys: [0, 0], measures: 'rtt,srt,retransmissions,jitter', many: true },
};

export const KIND_NAMES = Object.keys(KINDS) as Kind[];

/** Keys of a world map. */
export const COUNTRIES = ['country', 'src_country', 'dst_country'];

/** What performance is measured by. */
export const PERFORMANCE: [name: string, words: string][] = [
  ['rtt', 'Round-trip time'],
  ['srt', 'Response time'],
  ['retransmissions', 'Retransmissions'],
  ['jitter', 'Jitter'],
];

export const keysOf = (by: string | undefined): string[] => (by ?? '').split(',').map((key) => key.trim()).filter(Boolean);

/** The keys of a chapter of this kind, made from those of another. */
export function keysFor(kind: Kind, by: string): string {
  const { keys: [least, most], by: usual } = KINDS[kind];
  const keys = keysOf(by);
  if (kind === 'world_map') return keys.find((key) => COUNTRIES.includes(key)) ?? usual ?? '';
  if (keys.length < least) return usual ?? '';
  return keys.slice(0, most).join(',');
}

/** The chapter without what its kind does not take. */
export function fitted(chapter: Chapter): Chapter {
  const { keys: [, most], top } = KINDS[chapter.kind];
  const { by, top: wanted, sort, step, ...rest } = chapter;
  const sorts = ['top', 'table'].includes(chapter.kind);
  return {
    ...rest,
    ...(most > 0 && by ? { by } : {}),
    ...(top && wanted && (chapter.kind !== 'time_series' || by) ? { top: wanted } : {}),
    ...(sorts && sort ? { sort } : {}),
    ...(step && ['time_series', 'heat_map', 'performance'].includes(chapter.kind) ? { step } : {}),
  };
}

/** The measure by which a chapter is drawn. */
export const mainMeasure = (chapter: Chapter): Measure => measureOf(((chapter.measures || KINDS[chapter.kind].measures).split(',')[0] ?? '').trim());

/** The address of the page Analysis that shows the same. */
export function analysisOf(chapter: Chapter): Record<string, string | undefined> {
  const profile = chapter.profile && chapter.profile !== ALL_SOURCES ? chapter.profile : undefined;
  return {
    filter: chapter.filter || undefined,
    by: chapter.by || (KINDS[chapter.kind].keys[1] === 0 || chapter.kind === 'time_series' ? undefined : KINDS[chapter.kind].by),
    measure: mainMeasure(chapter).name,
    top: chapter.top && chapter.top <= 1000 ? String(chapter.top) : undefined,
    profile: profile ?? (chapter.kind === 'time_series' && !chapter.by ? ALL_SOURCES : undefined),
    channel: chapter.channels?.length ? chapter.channels.join('\n') : undefined,
    as: ['time_series', 'top', 'table'].includes(chapter.kind) ? undefined : chapter.kind,
  };
}

/** What the keys of a chapter are values of, so that values keep their colours. */
export const dimensionOf = (chapter: Chapter): string => chapter.by || 'channel';

/** The parts that were answered. */
export const answered = (data: ViewData): (Part & { answer: Answer })[] => data.parts.filter((part): part is Part & { answer: Answer } => part.answer !== undefined);

/** Series of a view as one stack; nothing where no part was answered. */
export function stackOf(data: ViewData, measure: Measure, now: time.Moment): Stack | undefined {
  const given = { from: Date.parse(data.from), to: Date.parse(data.to) };
  const step = time.length(data.step ?? '') ?? time.stepOf(given).ms;
  const parts = answered(data).map(({ answer, channels }) => ({
    stack: stack({ span: given, step, measure, answer, now }),
    name: channels.map(({ name }) => name).join(', '),
    colour: channels.length === 1 ? (channels[0]?.colour ?? '') : '',
    below: channels.length > 0 && channels.every(({ side }) => side === 'below'),
    ...(channels.length === 1 && channels[0]?.part_of ? { partOf: channels[0].part_of } : {}),
  }));
  // Of several channels together, and of every record, only groups are told apart.
  const [only] = parts;
  if (data.kind === 'heat_map' || data.parts.every(({ channels }) => channels.length === 0)) return only?.stack;
  return together(parts, measure);
}

/** Groups over time of all sources: each group over all of them, where the view would tell them apart within each. */
export const isOfEveryRecord = ({ kind, by, profile, channels }: Chapter): boolean => kind === 'time_series' && Boolean(by) && (profile ?? ALL_SOURCES) === ALL_SOURCES && !channels?.length;

/** The data of a chapter of every record. */
export async function everyRecord(chapter: Chapter, span: time.Span, signal: AbortSignal): Promise<ViewData> {
  const asked = question({ span, filter: chapter.filter ?? '', by: chapter.by ?? '', measure: mainMeasure(chapter), top: chapter.top ?? KINDS.time_series.top ?? 10, ...(chapter.step ? { step: chapter.step } : {}) });
  const answer = await ask(asked, signal);
  return { kind: chapter.kind, profile: { id: ALL_SOURCES, name: 'All Sources' }, from: time.text(span.from), to: time.text(span.to), step: asked.series ?? '', parts: [{ channels: [], question: asked, command: command(asked), answer }] };
}

/** Nothing is in any part. */
export function isEmpty(data: ViewData): boolean {
  const parts = answered(data);
  if (!parts.length) return false;
  return parts.every(({ answer }) => answer.records === 0 || answer.rows.length === 0);
}

/** Percentiles and sums of one measure of performance, as an answer has them. */
export function performanceColumns(answer: Answer, name: string): { column: string; words: string }[] {
  return answer.columns
    .filter((column) => column.role === 'measure' && new RegExp(`(^|\\W|_)${name}(_avg)?(\\W|_|$)`).test(column.name))
    .map(({ name: column, label }) => ({ column, words: percentile(label ?? column) }));
}

/** The percentile of a measure's name, for people. */
function percentile(words: string): string {
  const found = /p(\d+(?:\.\d+)?)/.exec(words)?.[1];
  if (found) return found === '50' ? 'median' : `${found}th percentile`;
  return words.includes('median') ? 'median' : words;
}

/** How complete a view is: what is said of the part that is least so. */
export function completenessOf(data: ViewData): Completeness | undefined {
  const found = answered(data).map(({ answer }) => answer.completeness).filter((one) => one !== undefined && one !== null);
  return found.find(({ state }) => state === 'incomplete') ?? found.find(({ state }) => state === 'unknown') ?? found[0];
}
