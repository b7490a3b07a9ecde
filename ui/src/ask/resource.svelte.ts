// Something that is asked for: its value, that it is being fetched, that this takes long, why it failed.
import { ApiError } from '../api/client';

/** After this an answer that is still on its way is called slow. */
const SLOW_AFTER = 3_000;

/** After this a first look is asked for, where there is one. */
const FIRST_LOOK_AFTER = 100;

/** Pages that are in the background draw nothing: after this, in milliseconds, they are no longer waited for. */
const DRAWN_AT_LAST = 250;

let isDrawn = typeof requestAnimationFrame === 'undefined';

/** Resolves when the page has drawn itself for the first time: it does so before the service, perhaps on the same machine, is at work. */
const drawn = (): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => ((isDrawn = true), resolve());
    requestAnimationFrame(() => setTimeout(done));
    setTimeout(done, DRAWN_AT_LAST);
  });

/** What is asked again by itself takes at most one part in so many of the time. */
const REST = 4;

/**
 * The latest answer to a question that may be asked again. The value stays while the next one is on its way, and when that fails;
 * asking again ends the request before, and with it the query in the service.
 */
export class Resource<T> {
  value = $state.raw<T>();
  error = $state.raw<ApiError>();
  busy = $state(false);
  slow = $state(false);
  /** The value is a first look, of the newest part of the time; the whole is on its way. */
  partial = $state(false);
  #running: AbortController | undefined;
  #took = 0;
  #ended = 0;

  /** Asks; resolves when the answer is there, or another question took its place. What takes a while is preceded by a first look. */
  async load(work: (signal: AbortSignal) => Promise<T>, firstLook?: (signal: AbortSignal) => Promise<T>): Promise<void> {
    this.#running?.abort();
    const running = new AbortController();
    this.#running = running;
    this.busy = true;
    this.slow = false;
    const begun = Date.now();
    const slow = setTimeout(() => (this.slow = true), SLOW_AFTER);
    const early = firstLook && setTimeout(() => void this.#look(running.signal, firstLook), FIRST_LOOK_AFTER);
    running.signal.addEventListener('abort', () => (clearTimeout(slow), clearTimeout(early)));
    try {
      if (!isDrawn) await drawn();
      if (running.signal.aborted) return;
      const value = await work(running.signal);
      if (running.signal.aborted) return;
      this.value = value;
      this.error = undefined;
      this.partial = false;
    } catch (error) {
      if (running.signal.aborted) return;
      this.error = error instanceof ApiError ? error : new ApiError(-1, { error: String(error) });
    } finally {
      clearTimeout(slow);
      clearTimeout(early);
      if (this.#running === running) {
        this.busy = false;
        this.slow = false;
        this.#ended = Date.now();
        this.#took = this.#ended - begun;
      }
    }
  }

  /** Shows a first look unless the whole is there before it; that it fails is told by the whole. */
  async #look(signal: AbortSignal, firstLook: (signal: AbortSignal) => Promise<T>): Promise<void> {
    const value = await firstLook(signal).catch(() => undefined);
    if (value === undefined || signal.aborted || !this.busy || this.#running?.signal !== signal) return;
    this.value = value;
    this.error = undefined;
    this.partial = true;
  }

  /** Asks again, as pages do by themselves: not before the answer to the question before is there, and seldom where answers take long. */
  async refresh(work: (signal: AbortSignal) => Promise<T>, firstLook?: (signal: AbortSignal) => Promise<T>): Promise<void> {
    if (this.busy || Date.now() - this.#ended < this.#took * REST) return;
    await this.load(work, firstLook);
  }

  /** Ends the request; the value stays. */
  cancel(): void {
    this.#running?.abort();
    this.busy = false;
    this.slow = false;
    if (this.value === undefined) this.error = new ApiError(-1, { error: 'cancelled before there was an answer' });
  }

  /** Forgets everything. */
  close(): void {
    this.#running?.abort();
  }
}
