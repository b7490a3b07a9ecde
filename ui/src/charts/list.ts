// A list as a picture, for reports: the heads, keys and measures of an answer as text on a canvas.
import type { Answer, Cell } from '../api/client';
import * as format from '../view/format';
import { colour } from '../view/theme.svelte';
import * as time from '../view/time';

/** Rows that a picture has at most. */
const MOST_ROWS = 100;

/** All in pixels of the page; the picture has twice as many. */
const SCALE = 2;
const ROW = 24;
const SIDE = 16;
const GAP = 20;
const WIDEST = 360;

type Shown = { text: string; isNumber: boolean };

function shown(cell: Cell | undefined, { name, role, unit }: Answer['columns'][number], names?: Map<string, string>): Shown {
  if (role !== 'measure') {
    const text = cell === undefined ? 'none' : format.value(name, cell);
    return { text: names?.get(text) ?? text, isNumber: false };
  }
  if (cell === undefined) return { text: '–', isNumber: true };
  return { text: typeof cell === 'string' ? time.short(Date.parse(cell)) : format.quantity(Number(cell), unit), isNumber: true };
}

/** The picture, as a URL of its data; nothing where there are no groups. `names` are those of values, for people. */
export function pictureOfList(answer: Answer, title: string, names?: Map<string, string>): string | undefined {
  const columns = answer.columns.filter(({ role }) => role === 'key' || role === 'measure');
  const context = document.createElement('canvas').getContext('2d');
  if (!context || !columns.length || !answer.rows.length) return undefined;
  const font = (weight: number): string => `${weight} 13px ${getComputedStyle(document.body).fontFamily}`;
  const heads = columns.map(({ name, label, role }) => ({ text: (label ?? name).replaceAll('_', ' '), isNumber: role === 'measure' }));
  const rows = answer.rows.slice(0, MOST_ROWS).map((row) => columns.map((column) => shown(row[column.name], column, names)));
  context.font = font(600);
  const widths = columns.map((_, place) => Math.min(WIDEST, Math.max(...[heads, ...rows].map((cells) => context.measureText(cells[place]?.text ?? '').width))));
  const width = Math.max(widths.reduce((sum, one) => sum + one + GAP, 2 * SIDE - GAP), context.measureText(title).width + 2 * SIDE);
  const height = (rows.length + 2) * ROW + 2 * SIDE;
  context.canvas.width = width * SCALE;
  context.canvas.height = height * SCALE;
  context.scale(SCALE, SCALE);
  context.fillStyle = colour('surface');
  context.fillRect(0, 0, width, height);
  context.textBaseline = 'middle';

  let line = SIDE + ROW / 2;
  const write = (cells: Shown[], weight: number, ink: string): void => {
    context.font = font(weight);
    context.fillStyle = colour(ink);
    let left = SIDE;
    cells.forEach(({ text, isNumber }, place) => {
      const room = widths[place] ?? 0;
      context.save();
      context.beginPath();
      context.rect(left, line - ROW / 2, room + 1, ROW);
      context.clip();
      context.textAlign = isNumber ? 'right' : 'left';
      context.fillText(text, isNumber ? left + room : left, line);
      context.restore();
      left += room + GAP;
    });
    line += ROW;
  };
  context.font = font(600);
  context.fillStyle = colour('text');
  context.fillText(title, SIDE, line);
  line += ROW;
  write(heads, 600, 'muted');
  context.fillStyle = colour('line');
  context.fillRect(SIDE, line - ROW / 2, width - 2 * SIDE, 1);
  for (const row of rows) write(row, 400, 'text');
  return context.canvas.toDataURL('image/png');
}
