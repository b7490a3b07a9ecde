// Tests: `unit` of what is worked out, `browser` of the pages, in a real browser against a running service.
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    projects: [
      { plugins: [svelte()], test: { name: 'unit', include: ['tests/unit/*.test.ts'] } },
      // One service and one browser for all; a busy machine takes its time.
      { test: { name: 'browser', include: ['tests/browser/*.test.ts'], testTimeout: 60_000, hookTimeout: 120_000, fileParallelism: false } },
    ],
  },
});
