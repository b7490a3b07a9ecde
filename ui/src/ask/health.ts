// What is known to be missing, slot by slot: the account that the service keeps of each minute, in the slots of a chart.
import { completeness, type AccountRow } from '../api/client';
import { text, type Moment, type Span } from '../view/time';

export type State = AccountRow['state'];

export type Missing = NonNullable<AccountRow['missing']>;

export type Slot = {
  from: Moment;
  to: Moment;
  state: State;
  /** Seconds without service. */
  downSeconds: number;
  /** Left out for whoever sees a part of the data. */
  missing?: Missing;
};

const MINUTE = 60_000;

/** The account of a span, in slots of at least a minute; of the sources that a filter does not rule out. */
export async function slots(span: Span, step: number, signal: AbortSignal, filter = ''): Promise<Slot[]> {
  const minutes = Math.max(1, Math.round(step / MINUTE));
  const asked = { from: text(span.from), to: text(span.to), step: `${minutes}m`, ...(filter ? { filter } : {}) };
  const rows = await completeness(asked, signal);
  return rows.map(({ from, to, state, down_seconds, missing }) => ({
    from: Date.parse(from),
    to: Date.parse(to),
    state,
    downSeconds: down_seconds,
    ...(missing ? { missing } : {}),
  }));
}

/** Two slots one behind the other as one. */
export function together(one: Slot, other: Slot): Slot {
  const sum = { ...one, to: other.to, downSeconds: one.downSeconds + other.downSeconds };
  if (!one.missing || !other.missing) return sum;
  const [a, b] = [one.missing, other.missing];
  return {
    ...sum,
    missing: {
      records: a.records + b.records,
      lost_records: a.lost_records + b.lost_records,
      lost_datagrams: a.lost_datagrams + b.lost_datagrams,
      dropped_datagrams: a.dropped_datagrams + b.dropped_datagrams,
      faults: a.faults + b.faults,
      sources_unknown: Math.max(a.sources_unknown, b.sources_unknown),
    },
  };
}

/** What is missing in a slot, in words; empty where nothing is. */
export function missing(slot: Slot): string {
  const parts: string[] = [];
  const say = (number: number, one: string, many: string): void => {
    if (number > 0) parts.push(`${number} ${number === 1 ? one : many}`);
  };
  if (slot.state === 'unknown') return 'nobody kept account of this time';
  if (slot.missing) {
    const of = slot.missing;
    say(of.lost_records, 'record lost on the way', 'records lost on the way');
    say(of.lost_datagrams, 'datagram lost on the way', 'datagrams lost on the way');
    say(of.dropped_datagrams, 'datagram dropped here', 'datagrams dropped here');
    say(of.faults, 'fault of decoding', 'faults of decoding');
    say(of.sources_unknown, 'source whose losses cannot be told', 'sources whose losses cannot be told');
  } else if (slot.state === 'lossy') parts.push('something was lost on the way, dropped or could not be read');
  if (slot.downSeconds > 0) parts.push(`not receiving for ${slot.downSeconds} s`);
  return parts.join(', ');
}
