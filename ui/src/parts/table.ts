// Columns of tables, as pages describe them.
import type { Snippet } from 'svelte';

export type Column<T> = {
  id: string;
  head: string;
  /** Longer words on the head. */
  title?: string | undefined;
  /** What is sorted by. */
  value: (row: T) => string | number | undefined;
  /** What is shown, of the row and the id of the column; without it the value. */
  cell?: Snippet<[T, string]>;
  /** Numbers stand at the right. */
  number?: boolean;
  /** Sorts the largest first at the first press. */
  largestFirst?: boolean;
  /** The head is for screen readers, and does not sort. */
  bare?: boolean;
  /** Left out where the screen is narrow. */
  wide?: boolean;
};

export type Sorting = { id: string; desc: boolean }[];
