// Filters: putting tests together as text, in the language of docs/filter.md.
import type { Cell } from '../api/client';

/** Names that are written as several words; keys of answers have underscores. */
const WORDS = /^((client|server|nat|tunnel)_)+/;

/** The name of a key as filters have it: addresses compare with prefixes too, so values of `src_addr/24` select by `src_addr`. */
function written(key: string): string {
  const bare = key.replace(/(\/\d+)+$/, '');
  // Columns that begin like this are no pairs: nat_src_addr, tunnel_dst.
  if (/^(nat|tunnel)_/.test(bare) && !/^(nat_ip|nat_port|tunnel_ip)$/.test(bare)) return bare;
  return bare.replace(WORDS, (words) => words.replaceAll('_', ' '));
}

const ESCAPES: Record<string, string> = { '\\': '\\\\', '"': '\\"', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** A text in quotes, as the parser of filters reads it. */
function quoted(text: string): string {
  const safe = text.replace(/[\\"\p{Cc}]/gu, (letter) => ESCAPES[letter] ?? `\\u{${letter.codePointAt(0)?.toString(16)}}`);
  return `"${safe}"`;
}

function literal(cell: Cell): string {
  if (typeof cell === 'number' || typeof cell === 'boolean') return String(cell);
  const text = String(cell);
  if (/^[0-9a-fA-F.:]+(\/\d+)?$/.test(text) && /[.:]/.test(text)) return text;
  return quoted(text);
}

/** Keys that cannot be filtered by: they are slots of time. */
const TIMES = new Set(['minute', 'hour', 'day']);

/** True where a value of this key can be chosen by a filter. */
export function canFilter(key: string): boolean {
  return !TIMES.has(key);
}

/** The test that selects the records with this value; an absent value is selected too. */
export function test(key: string, cell: Cell | null | undefined): string {
  if (key === 'application') return application(cell);
  const name = written(key);
  if (cell === undefined || cell === null) return `not ${name} exists`;
  return `${name} = ${literal(cell)}`;
}

/** Selects an application: one that was recognised here, else as the exporter names it. */
function application(name: Cell | null | undefined): string {
  if (name === undefined || name === null) return 'not app exists and not app_name exists';
  return `(${test('app', name)} or not app exists and ${test('app_name', name)})`;
}

/** Brackets around what would fall apart beside an `and`. */
function bracketed(filter: string): string {
  const text = filter.trim();
  return /\bor\b|\|\||#/i.test(text) ? `(${text}${text.includes('#') ? '\n' : ''})` : text;
}

/** The filter, and this test as well. */
export function narrowed(filter: string, added: string): string {
  return filter.trim() && filter.trim() !== 'any' ? `${bracketed(filter)} and ${added}` : added;
}

/** The filter without what the test selects. */
export function without(filter: string, test: string): string {
  return narrowed(filter, test.includes(' and ') ? `not (${test})` : `not ${test}`);
}
