// Sentences of the service: times in them are shown in the user's zone.
import * as time from './time';

const TIMES = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g;

/** The sentence with its times in the user's zone. */
export function said(sentence: string): string {
  return sentence.replace(TIMES, (text) => time.local(Date.parse(text)));
}
