// Colours of series: the same value keeps its colour while the page is open, whatever its rank.

/** Colours of series in app.css: series-0 to series-9. */
export const SERIES_COLOURS = 10;

/** Values that are remembered of a dimension; a page that is open for weeks forgets and begins anew. */
const MOST = 2_000;

const places = new Map<string, Map<string, number>>();

/**
 * Places of colours for these values of a dimension, in their order. A value that was shown before keeps its place, unless another value
 * of this list has it; new ones take those that are free.
 */
export function placesOf(dimension: string, values: string[]): number[] {
  const known = places.get(dimension) ?? new Map<string, number>();
  places.set(dimension, known);
  if (known.size > MOST) known.clear();
  const taken = new Set<number>();
  const found = values.map((value) => {
    const place = known.get(value);
    if (place === undefined || taken.has(place)) return undefined;
    taken.add(place);
    return place;
  });
  let next = 0;
  return found.map((place, index) => {
    if (place !== undefined) return place;
    while (taken.has(next) && next < SERIES_COLOURS) next += 1;
    const free = next % SERIES_COLOURS;
    taken.add(free);
    known.set(values[index] ?? '', free);
    return free;
  });
}
