// What people make and keep: profiles, chapters, dashboards; each with its version, so that two editors do not overwrite each other.
import { ApiError, json, posted, refusal, send, type Answer, type Asked, type Column, type Refusal } from './client';

export type Side = 'above' | 'below';

/** A part of a profile: a filter with a name and a colour. */
export type Channel = { name: string; colour: string; filter: string; side: Side; /** The channel of which it is a part. */ part_of?: string };

export type Profile = {
  name: string;
  description: string;
  group: string;
  shared: boolean;
  parent?: string;
  /** A past range; without it the profile goes on. */
  time?: { from: string; to: string };
  series: 'computed' | 'stored';
  channels: Channel[];
};

export type Kind = 'time_series' | 'top' | 'table' | 'pie' | 'value' | 'sankey' | 'heat_map' | 'world_map' | 'performance';

/** A view that has a name. Which parts it takes depends on its kind. */
export type Chapter = {
  name: string;
  description?: string;
  shared?: boolean;
  kind: Kind;
  profile?: string;
  channels?: string[];
  filter?: string;
  by?: string;
  measures?: string;
  sort?: string;
  top?: number;
  step?: string;
  unscaled?: boolean;
};

export type Widget = { chapter: string; x: number; y: number; w: number; h: number; title?: string };

export type Dashboard = { name: string; description: string; shared: boolean; time: { last: string } | { from: string; to: string }; widgets: Widget[] };

/** How far the past of a channel is filled in. */
export type Filling = { channel: string; progress: number; filled_from?: string };

/** An object as the service keeps it. */
export type Kept<T> = {
  id: string;
  version: number;
  owner?: string;
  /** `weir` made it by itself. */
  origin: 'user' | 'weir';
  changed: string;
  object: T;
  filling?: Filling[];
};

type Page<T> = { items: Kept<T>[]; next?: string; total: number };

/** Objects of one kind. What the service leaves out, because it is as usual, is put in. */
class Objects<T> {
  constructor(
    readonly path: string,
    readonly usual: (object: T) => T,
  ) {}

  #whole(kept: Kept<T>): Kept<T> {
    return { ...kept, object: this.usual(kept.object) };
  }

  /** All of them, page by page. */
  async list(signal: AbortSignal): Promise<Kept<T>[]> {
    const found: Kept<T>[] = [];
    let after: string | undefined;
    do {
      const page: Page<T> = await json(`${this.path}?${new URLSearchParams({ limit: '1000', ...(after ? { after } : {}) })}`, { signal });
      found.push(...page.items.map((kept) => this.#whole(kept)));
      after = page.next;
    } while (after);
    return found;
  }

  async get(id: string): Promise<Kept<T>> {
    return this.#whole(await json(`${this.path}/${encodeURIComponent(id)}`, {}));
  }

  async create(object: T): Promise<Kept<T>> {
    return this.#whole(await json(this.path, posted(object)));
  }

  /** Writes a changed object; `over` says which version it was made from, so status 412 means that somebody else was quicker. */
  async change(id: string, object: T, over: number): Promise<Kept<T>> {
    const request = posted(object, undefined, 'PUT');
    return this.#whole(await json(`${this.path}/${encodeURIComponent(id)}`, { ...request, headers: { ...request.headers, 'if-match': `"${over}"` } }));
  }

  async remove(id: string, version: number): Promise<void> {
    const response = await send(`${this.path}/${encodeURIComponent(id)}`, { method: 'DELETE', headers: { 'if-match': `"${version}"` } });
    if (!response.ok) throw await refusal(response);
  }
}

/** The colour of channels that have none of their own. */
const USUAL_COLOUR = 'others';

const usualChannel = <C extends { colour: string; side: Side }>(channel: C): C => ({ ...channel, colour: channel.colour ?? USUAL_COLOUR, side: channel.side ?? 'above' });

export const profiles = new Objects<Profile>('/api/v1/profiles', (profile) => ({
  ...profile,
  description: profile.description ?? '',
  group: profile.group ?? '',
  shared: profile.shared ?? false,
  series: profile.series ?? 'computed',
  channels: (profile.channels ?? []).map((channel) => ({ ...usualChannel(channel), filter: channel.filter ?? '' })),
}));
export const chapters = new Objects<Chapter>('/api/v1/chapters', (chapter) => ({ ...chapter, shared: chapter.shared ?? false }));
export const dashboards = new Objects<Dashboard>('/api/v1/dashboards', (dashboard) => ({
  ...dashboard,
  description: dashboard.description ?? '',
  shared: dashboard.shared ?? false,
  widgets: dashboard.widgets ?? [],
}));

/** The profile that has a channel for each source. */
export const ALL_SOURCES = 'all-sources';

/** Somebody else changed the object meanwhile. */
export const isConflict = (error: unknown): boolean => error instanceof ApiError && error.status === 412;

/** What a view is asked for: a chapter by its id or in full, a time, what narrows it. */
export type ViewAsked = { chapter?: Chapter; id?: string; from?: string; to?: string; last?: string; step?: string; filter?: string; names?: boolean };

/** The answer of one channel, or of several together. */
export type Part = {
  channels: { name: string; colour: string; side: Side; part_of?: string }[];
  question: Asked;
  command: string;
  answer?: Answer;
  error?: Refusal;
  status?: number;
};

export type ViewData = { kind: Kind; profile: { id: string; name: string }; from: string; to: string; step?: string; parts: Part[] };

/** Asks for the data of a view. */
export async function view(asked: ViewAsked, signal: AbortSignal): Promise<ViewData> {
  const data = await json<ViewData>('/api/v1/view', posted(asked, signal));
  for (const part of data.parts) {
    const { answer } = part;
    part.channels = part.channels.map(usualChannel);
    if (answer) answer.columns = (answer.columns as (string | Column)[]).map((column) => (typeof column === 'string' ? { name: column } : column));
  }
  return data;
}

/** The same as a file. */
export async function viewFile(asked: ViewAsked, format: 'csv' | 'json'): Promise<Blob> {
  const response = await send('/api/v1/view', posted({ ...asked, format }));
  if (!response.ok) throw await refusal(response);
  return response.blob();
}

export type Recipe = {
  name: string;
  client: { address: string; port: number };
  inner: string;
  servers: { name: string; address: string; port: number }[];
  clients?: string;
  /** The group of sources that measures it; every source without it. */
  source_group?: string;
  series: Profile['series'];
  shared: boolean;
};

/** Makes profile, chapters and dashboard of a service behind a load balancer. */
export function makeService(recipe: Recipe): Promise<{ profile: Kept<Profile>; chapters: Kept<Chapter>[]; dashboard: Kept<Dashboard> }> {
  return json('/api/v1/recipes/service', posted(recipe));
}
