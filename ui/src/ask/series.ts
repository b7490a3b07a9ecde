// The questions behind a chart: with keys, without, and of the period before.
import { ask, type Answer, type Asked } from '../api/client';
import { asked as askedOf, stack, type Measure, type Stack } from './stack';
import { newestOf, stepOf, text, type Moment, type Span } from '../view/time';

export type Wanted = {
  span: Span;
  filter?: string;
  by?: string;
  measure: Measure;
  top?: number;
  /** The period before, of the same length, is shown too. */
  compare?: boolean;
  points?: number;
  /** The step, where it is not that which fits the span. */
  step?: string;
  now: Moment;
};

/** The question with keys, or without where `by` is empty. */
export function question({ span, filter, by, measure, top, points, step: own }: Omit<Wanted, 'now'>): Asked {
  const step = own ? { text: own } : stepOf(span, points);
  return {
    ...(filter ? { filter } : {}),
    from: text(span.from),
    to: text(span.to),
    series: step.text,
    measures: askedOf(measure),
    ...(by ? { by, top: top ?? 10 } : {}),
  };
}

/** Asks for a chart. */
export async function chart(wanted: Wanted, signal: AbortSignal): Promise<{ stack: Stack; answer: Answer }> {
  const { span, measure, compare } = wanted;
  const step = stepOf(span, wanted.points).ms;
  const beforeFrom = span.from - (span.to - span.from);
  const earlier = { ...wanted, by: '', span: { from: beforeFrom, to: span.from } };
  const [answer, before] = await Promise.all([ask(question(wanted), signal), compare ? ask(question(earlier), signal) : undefined]);
  return { stack: stack({ span, step, measure, answer, before, beforeFrom, now: wanted.now }), answer };
}

/** The chart of this span with the newest part of it alone, which is there soon; undefined where the span is short. */
export function firstLook(wanted: Wanted): ((signal: AbortSignal) => Promise<{ stack: Stack; answer: Answer }>) | undefined {
  const { span, measure } = wanted;
  const step = stepOf(span, wanted.points);
  const newest = newestOf(span, step.ms);
  if (!newest) return undefined;
  return async (signal) => {
    const answer = await ask(question({ ...wanted, step: step.text, span: newest }), signal);
    return { stack: stack({ span, step: step.ms, measure, answer, before: undefined, beforeFrom: 0, now: wanted.now }), answer };
  };
}
