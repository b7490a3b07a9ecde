// Fail-overs in groups of sources, as the notes of answers tell them: when another unit took over, and for how long nobody reported.
import type { Note } from '../api/client';
import * as format from '../view/format';
import type { Moment } from '../view/time';

export type FailOver = {
  group: string;
  from: string;
  to: string;
  began: Moment;
  ended: Moment;
  /** The one before still sends, and no records; else it fell silent. */
  standsBy: boolean;
};

/** Those of an answer, in their order. */
export function failOversOf(notes: Note[]): FailOver[] {
  return notes.flatMap(({ fail_over: told }) =>
    told ? [{ group: told.group, from: told.from, to: told.to, began: Date.parse(told.began), ended: Date.parse(told.ended), standsBy: told.reason === 'standby' }] : [],
  );
}

/** Those of several answers, each once. */
export function merged(lists: (FailOver[] | undefined)[]): FailOver[] {
  const found = new Map(lists.flatMap((list) => list ?? []).map((one) => [`${one.began} ${one.to} ${one.group}`, one]));
  return [...found.values()].sort((one, other) => one.began - other.began);
}

/** For how long nobody reported. */
export const lengthOf = ({ began, ended }: FailOver): string => format.duration((ended - began) / 1000);

/** What happened, in a sentence; units by the names that people know. */
export function sentence(one: FailOver, called: (address: string) => string = (address) => address): string {
  const why = one.standsBy ? 'still sends, and no records' : 'fell silent';
  return `${called(one.to)} took over from ${called(one.from)}, which ${why}; no records for ${lengthOf(one)}`;
}

/** Notes without what is said twice, and with the latest fail-overs alone: all of them stand in the chart. */
export function notesToShow(notes: Note[], most = 5): { notes: Note[]; more: number } {
  const distinct = [...new Map(notes.map((note) => [note.fail_over ? note.text : note.code, note])).values()];
  const told = distinct.filter(({ fail_over }) => fail_over);
  const hidden = new Set(told.slice(0, Math.max(0, told.length - most)));
  return { notes: distinct.filter((note) => !hidden.has(note)), more: hidden.size };
}
