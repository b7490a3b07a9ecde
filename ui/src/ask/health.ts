// What is known to be missing, slot by slot: the account that the service keeps of each minute, in the slots of a chart.
import { sql, type Cell } from '../api/client';
import { slotsOf } from './stack';
import { text, type Moment, type Span } from '../view/time';

export type State = 'complete' | 'lossy' | 'down' | 'unknown';

export type Slot = {
  from: Moment;
  to: Moment;
  state: State;
  /** Datagrams that arrived. */
  datagrams: number;
  /** Records and datagrams that are missing by sequence numbers. */
  lost: number;
  /** Datagrams that arrived and were dropped here. */
  dropped: number;
  faults: number;
  /** Seconds without service. */
  downSeconds: number;
};

/** Rows of the account are written every ten seconds; what is newer is not known yet. */
const WRITTEN_AFTER = 30_000;

/** A service that starts or stops within a minute loses so much at least before it is told. */
const WORTH_TELLING = 1_500;

const MINUTE = 60_000;

/** The account of a span, in slots of at least a minute. */
export async function slots(span: Span, step: number, now: Moment, signal: AbortSignal): Promise<Slot[]> {
  const size = Math.max(step, MINUTE);
  const first = Math.floor(span.from / size) * size;
  const seconds = size / 1000;
  const statement = `SELECT date_bin(INTERVAL '${seconds} seconds', slot, TIMESTAMP '1970-01-01T00:00:00Z') AS time, sum(up) AS up, sum(datagrams) AS datagrams,
    sum(coalesce(lost_records, 0) + coalesce(lost_datagrams, 0)) AS lost,
    sum(coalesce(dropped_kernel, 0) + coalesce(dropped_queue, 0) + coalesce(dropped_guard, 0)) AS dropped, sum(faults) AS faults
    FROM health WHERE slot >= '${text(first)}' AND slot < '${text(span.to)}' GROUP BY 1 ORDER BY 1`;
  const table = await sql(statement, signal);
  const rows = new Map(table.rows.map((row) => [Date.parse(String(row[0])), row]));
  const begun = Math.min(...rows.keys());
  return slotsOf({ from: first, to: Math.min(span.to, now) }, size).map((from) => slotOf(from, size, rows.get(from), now, from - begun));
}

function slotOf(from: Moment, size: number, row: (Cell | null)[] | undefined, now: Moment, sinceBegun: number): Slot {
  const number = (place: number): number => Number(row?.[place] ?? 0);
  const to = from + size;
  const passed = Math.max(0, Math.min(size, now - WRITTEN_AFTER - from));
  const up = number(1) / 1000;
  const down = Math.max(0, passed - up);
  const slot = { from, to, datagrams: number(2), lost: number(3), dropped: number(4), faults: number(5), downSeconds: 0 };
  // Before the first account nobody knows; a gap behind it is time without service.
  if (!(sinceBegun >= 0)) return { ...slot, state: passed === 0 ? 'complete' : 'unknown' };
  // In the first slot of the account the service may have begun.
  const downSeconds = sinceBegun > 0 && down > WORTH_TELLING ? down / 1000 : 0;
  const lossy = slot.lost + slot.dropped + slot.faults > 0;
  return { ...slot, downSeconds, state: downSeconds > 0 ? 'down' : lossy ? 'lossy' : 'complete' };
}

/** What is missing in a slot, in words; empty where nothing is. */
export function missing(slot: Slot): string {
  const parts: string[] = [];
  const say = (number: number, one: string, many: string): void => {
    if (number > 0) parts.push(`${number} ${number === 1 ? one : many}`);
  };
  if (slot.state === 'unknown') return 'nobody kept account of this time';
  say(slot.lost, 'record or datagram lost on the way', 'records or datagrams lost on the way');
  say(slot.dropped, 'datagram dropped here', 'datagrams dropped here');
  say(slot.faults, 'fault of decoding', 'faults of decoding');
  if (slot.downSeconds > 0) parts.push(`not receiving for ${Math.round(slot.downSeconds)} s`);
  return parts.join(', ');
}
