// A clock that ticks each second, at the service's time; it rests while the page is not seen.
import { untrack } from 'svelte';
import { serviceNow } from '../api/client';

class Clock {
  now = $state(serviceNow());

  constructor() {
    setInterval(() => {
      if (!document.hidden) this.now = serviceNow();
    }, 1_000);
  }
}

export const clock = new Clock();

/** Does something at once, and again every so many milliseconds while the page is seen; ends when the function it gives is called. */
export function every(period: number, work: () => void): () => void {
  let last = 0;
  const turn = (): void => {
    if (document.hidden || Date.now() - last < period - 50) return;
    last = Date.now();
    work();
  };
  // What the work reads is no reason to begin anew.
  untrack(turn);
  const timer = setInterval(turn, period);
  document.addEventListener('visibilitychange', turn);
  return () => {
    clearInterval(timer);
    document.removeEventListener('visibilitychange', turn);
  };
}
