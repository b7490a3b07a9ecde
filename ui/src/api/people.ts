// Who is there: the session, users, tokens, what was done.
import { json, posted, refusal, send } from './client';

export type Role = 'viewer' | 'analyst' | 'admin';

/** What a user may see: the records a filter selects, without these columns. What limits nothing is left out. */
export type DataLimits = { filter?: string; hidden?: string[] };

export type Session = {
  signed_in: boolean;
  /** Nobody needs to sign in. */
  open: boolean;
  /** There is no user yet. */
  setup: boolean;
  name?: string;
  role?: Role;
  via?: 'session' | 'token' | 'local' | 'open';
  limits?: DataLimits;
  expires?: string;
};

export type User = {
  name: string;
  role: Role;
  limits?: DataLimits;
  created: string;
  password_changed: string;
  last_sign_in?: string;
  sessions: number;
  tokens: number;
  etag: string;
};

export type Token = { id: string; name: string; user: string; role: Role; created: string; expires?: string; last_used?: string };

export type Deed = { time: string; who: string; via: string; from: string; what: string; target?: string; result: string };

const SESSION = '/api/v1/session';
const USERS = '/api/v1/users';
const TOKENS = '/api/v1/tokens';

async function done(path: string, init: RequestInit): Promise<void> {
  const response = await send(path, init);
  if (!response.ok) throw await refusal(response);
}

const matching = (init: RequestInit, etag: string): RequestInit => ({ ...init, headers: { ...init.headers, 'if-match': etag } });

export const session = (signal?: AbortSignal): Promise<Session> => json(SESSION, signal ? { signal } : {});
export const signIn = (name: string, password: string): Promise<Session> => json(SESSION, posted({ name, password }));
export const signOut = (): Promise<void> => done(SESSION, { method: 'DELETE' });
export const changePassword = (old: string, wanted: string): Promise<void> => done(`${SESSION}/password`, posted({ old, new: wanted }, undefined, 'PUT'));
export const setUp = (code: string, name: string, password: string): Promise<Session> => json('/api/v1/setup', posted({ code, name, password }));

export const users = (signal: AbortSignal): Promise<User[]> => json(USERS, { signal });
export type UserChange = { role: Role; limits?: DataLimits; password?: string };
export const addUser = (name: string, user: UserChange): Promise<User> => json(USERS, posted({ name, ...user }));
export const changeUser = (name: string, user: UserChange, etag: string): Promise<User> =>
  json(`${USERS}/${encodeURIComponent(name)}`, matching(posted(user, undefined, 'PUT'), etag));
export const removeUser = ({ name, etag }: User): Promise<void> => done(`${USERS}/${encodeURIComponent(name)}`, matching({ method: 'DELETE' }, etag));

export const tokens = (signal: AbortSignal): Promise<Token[]> => json(TOKENS, { signal });
/** The text of a token is told once. */
export const addToken = (name: string, role: Role, expires: string): Promise<Token & { token: string }> => json(TOKENS, posted({ name, role, expires }));
export const removeToken = (id: string): Promise<void> => done(`${TOKENS}/${encodeURIComponent(id)}`, { method: 'DELETE' });

export const audit = (limit: number, user: string, signal: AbortSignal): Promise<Deed[]> =>
  json(`/api/v1/audit?${new URLSearchParams({ limit: String(limit), ...(user ? { user } : {}) })}`, { signal });
