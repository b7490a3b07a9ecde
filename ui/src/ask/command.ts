// The line of `weir query` that asks the same.
import type { Asked } from '../api/client';

function quoted(word: string): string {
  return /^[A-Za-z0-9_.,:/=@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** A line for a shell. */
export function command(asked: Asked): string {
  const words = ['weir', 'query'];
  if (asked.filter) words.push(quoted(asked.filter));
  const option = (name: string, value: string | number | null | undefined): void => {
    if (value !== undefined && value !== null && value !== '') words.push(`--${name}`, quoted(String(value)));
  };
  option('last', asked.last);
  option('from', asked.from);
  option('to', asked.to);
  option('by', asked.by);
  option('measures', asked.measures);
  option('sort', asked.sort);
  option('having', asked.having);
  option('series', asked.series);
  option('top', asked.top);
  option('limit', asked.limit);
  option('columns', asked.columns);
  if (asked.summary) words.push('--summary');
  if (asked.spread) words.push('--spread');
  if (asked.unscaled) words.push('--unscaled');
  if (asked.oldest_first) words.push('--oldest-first');
  return words.join(' ');
}
