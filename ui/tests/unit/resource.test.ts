import { expect, test, vi } from 'vitest';
import { ApiError } from '../../src/api/client';
import { Resource } from '../../src/ask/resource.svelte';

test('a later question ends the one before, and its answer counts', async () => {
  const resource = new Resource<string>();
  let ended = false;
  const first = resource.load((signal) => new Promise((_, reject) => signal.addEventListener('abort', () => ((ended = true), reject(new Error('gone'))))));
  await resource.load(() => Promise.resolve('second'));
  await first;
  expect([ended, resource.value, resource.error, resource.busy]).toEqual([true, 'second', undefined, false]);
});

test('an answer stays when the next one fails, and the fault is told', async () => {
  const resource = new Resource<string>();
  await resource.load(() => Promise.resolve('answer'));
  await resource.load(() => Promise.reject(new ApiError(503, { error: 'busy' })));
  expect([resource.value, resource.error?.status]).toEqual(['answer', 503]);
});

test('what is asked again by itself waits for its answer, and rests after a slow one', async () => {
  vi.useFakeTimers();
  const resource = new Resource<number>();
  let asked = 0;
  const slow = (): Promise<number> => ((asked += 1), new Promise((resolve) => setTimeout(() => resolve(asked), 5_000)));
  void resource.load(slow);
  await resource.refresh(slow);
  expect(asked).toBe(1);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(resource.value).toBe(1);
  await vi.advanceTimersByTimeAsync(10_000);
  await resource.refresh(slow);
  expect(asked).toBe(1);
  await vi.advanceTimersByTimeAsync(10_000);
  void resource.refresh(slow);
  await vi.advanceTimersByTimeAsync(5_000);
  expect([asked, resource.value]).toEqual([2, 2]);
  vi.useRealTimers();
});

test('slow is told after three seconds, and a cancelled first question says so', async () => {
  vi.useFakeTimers();
  const resource = new Resource<number>();
  void resource.load(() => new Promise(() => undefined));
  await vi.advanceTimersByTimeAsync(2_900);
  expect(resource.slow).toBe(false);
  await vi.advanceTimersByTimeAsync(200);
  expect(resource.slow).toBe(true);
  resource.cancel();
  expect([resource.busy, resource.slow, resource.error?.refusal.error]).toEqual([false, false, 'cancelled before there was an answer']);
  vi.useRealTimers();
});

test('what takes a while is preceded by a first look, which the whole replaces', async () => {
  vi.useFakeTimers();
  const resource = new Resource<string>();
  let looks = 0;
  const look = (): Promise<string> => ((looks += 1), Promise.resolve('newest'));
  const within = (delay: number) => (): Promise<string> => new Promise((resolve) => setTimeout(() => resolve('whole'), delay));
  void resource.load(within(50), look);
  await vi.advanceTimersByTimeAsync(200);
  expect([resource.value, resource.partial, looks]).toEqual(['whole', false, 0]);
  void resource.load(within(1_000), look);
  await vi.advanceTimersByTimeAsync(200);
  expect([resource.value, resource.partial, resource.busy, looks]).toEqual(['newest', true, true, 1]);
  await vi.advanceTimersByTimeAsync(1_000);
  expect([resource.value, resource.partial, resource.busy]).toEqual(['whole', false, false]);
  // A first look that comes behind the whole, or fails, changes nothing.
  void resource.load(within(150), () => new Promise((resolve) => setTimeout(() => resolve('late'), 100)));
  await vi.advanceTimersByTimeAsync(400);
  expect([resource.value, resource.partial]).toEqual(['whole', false]);
  void resource.load(within(150), () => Promise.reject(new Error('busy')));
  await vi.advanceTimersByTimeAsync(400);
  expect([resource.value, resource.partial, resource.error]).toEqual(['whole', false, undefined]);
  vi.useRealTimers();
});
