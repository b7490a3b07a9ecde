// The API of the service as the console asks it: types are those of its OpenAPI file, errors are its refusals.
import type { components } from './schema';

type Schemas = components['schemas'];

export type Asked = Partial<Schemas['Asked']>;
export type AccountRow = Schemas['AccountRow'];
export type SourceRow = Schemas['SourceRow'];
export type CounterRow = Schemas['CounterRow'];
export type Completion = Schemas['CompletionRow'];
export type QueryRow = Schemas['QueryRow'];
export type HealthPage = Schemas['HealthPage'];
/** The place is told where there is one. */
export type Refusal = Omit<Schemas['Refusal'], keyof Schemas['Place']> & Partial<Schemas['Place']>;
export type Note = Schemas['NoteDocument'];
export type Cell = string | number | boolean | unknown[] | Record<string, unknown>;
export type Row = Record<string, Cell>;
export type Column = { name: string; label?: string; unit?: string | null; role?: string | null };

/** How much of what was sent is in an answer. */
export type Completeness = {
  state: 'complete' | 'incomplete' | 'unknown';
  text: string;
  records?: number;
  lost_records?: number;
  lost_datagrams?: number;
  dropped_datagrams?: number;
  faults?: number;
  down_seconds?: number;
  fail_over_seconds?: number;
  sources_unknown?: number;
};

/** An answer; columns of a list have only names. */
export type Answer = {
  source: string;
  records: number;
  first?: string | null;
  last?: string | null;
  columns: Column[];
  rows: Row[];
  totals?: Row | null;
  groups?: number | null;
  notes: Note[];
  completeness?: Completeness | null;
};

/** Why there is no answer: what the service said, or that it cannot be reached (status 0). */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly refusal: Refusal,
  ) {
    super(refusal.error);
  }

  get isUnreachable(): boolean {
    return this.status === 0;
  }
}

/** Milliseconds by which the service's clock is ahead of ours. */
let clockAhead = 0;

/** The service's time, so that `last 1h` means the same on both sides. */
export function serviceNow(): number {
  return Date.now() + clockAhead;
}

/** `Date` has whole seconds, and the answer took a while: less than this is no difference. */
const CLOCK_TOLERANCE = 3_000;

function noteClock(response: Response): void {
  const told = Date.parse(response.headers.get('date') ?? '');
  const ahead = told - Date.now();
  clockAhead = Math.abs(ahead) > CLOCK_TOLERANCE ? ahead : 0;
}

/** Told when the service wants to know who asks. */
let onsignin = (): void => undefined;

/** Says what is done when an answer is refused because nobody is signed in. */
export function whenSignedOut(work: () => void): void {
  onsignin = work;
}

export async function send(path: string, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    // A page of a stranger cannot set the header.
    response = await fetch(path, { ...init, headers: { ...init.headers, 'weir-csrf': '1' } });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new ApiError(0, { error: 'the service cannot be reached' });
  }
  noteClock(response);
  if (response.status === 401 && !path.startsWith('/api/v1/session')) onsignin();
  return response;
}

export async function refusal(response: Response): Promise<ApiError> {
  const text = await response.text();
  try {
    const said = JSON.parse(text) as Refusal;
    if (typeof said.error === 'string') return new ApiError(response.status, said);
  } catch {
    // No JSON: something between us and the service answered.
  }
  if (response.status >= 502 && response.status <= 504) return new ApiError(0, { error: 'the service cannot be reached' });
  return new ApiError(response.status, { error: `status ${response.status}` });
}

export async function json<T>(path: string, init: RequestInit): Promise<T> {
  const response = await send(path, init);
  if (!response.ok) throw await refusal(response);
  return (await response.json()) as T;
}

export function posted(body: unknown, signal?: AbortSignal, method = 'POST'): RequestInit {
  return { method, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body), ...(signal ? { signal } : {}) };
}

/** Asks a question over flow records. */
export async function ask(asked: Asked, signal: AbortSignal): Promise<Answer> {
  type Sent = Omit<Answer, 'columns'> & { columns: (string | Column)[] };
  const answer = await json<Sent>('/api/v1/query', posted(asked, signal));
  const columns = answer.columns.map((column) => (typeof column === 'string' ? { name: column } : column));
  return { ...answer, columns };
}

/** The same as a file. */
export async function askFile(asked: Asked, format: 'csv' | 'json'): Promise<Blob> {
  const response = await send('/api/v1/query', posted({ ...asked, format }));
  if (!response.ok) throw await refusal(response);
  return response.blob();
}

/** What is known to be missing, slot by slot. */
export function completeness(asked: Record<string, string>, signal: AbortSignal): Promise<AccountRow[]> {
  return json<AccountRow[]>(`/api/v1/completeness?${new URLSearchParams(asked)}`, { signal });
}

/** What may be typed next in a part of a question, behind this text. */
export function completions(part: string, text: string, signal: AbortSignal): Promise<Completion[]> {
  return json<Completion[]>(`/api/v1/complete?${new URLSearchParams({ part, text })}`, { signal });
}

export function sources(signal: AbortSignal): Promise<SourceRow[]> {
  return json<SourceRow[]>('/api/v1/sources', { signal });
}

export function counters(signal: AbortSignal): Promise<CounterRow[]> {
  return json<CounterRow[]>('/api/v1/counters', { signal });
}

export function queries(signal: AbortSignal): Promise<QueryRow[]> {
  return json<QueryRow[]>('/api/v1/queries', { signal });
}

export async function cancelQuery(id: number): Promise<void> {
  const response = await send(`/api/v1/queries/${id}`, { method: 'DELETE' });
  // It may have ended by itself.
  if (!response.ok && response.status !== 404) throw await refusal(response);
}

/** Health is told with status 503 too. */
export async function health(signal: AbortSignal): Promise<HealthPage> {
  const response = await send('/healthz', { signal });
  if (!response.ok && response.status !== 503) throw await refusal(response);
  return (await response.json()) as HealthPage;
}

/** What each counter means, by its name without labels, as `/metrics` tells it. */
export async function meanings(signal: AbortSignal): Promise<Map<string, string>> {
  const response = await send('/metrics', { signal });
  if (!response.ok) throw await refusal(response);
  const found = new Map<string, string>();
  for (const [, name, words] of (await response.text()).matchAll(/^# HELP (\S+) (.*)$/gm)) {
    if (name && words) found.set(name, words);
  }
  return found;
}
