// How the console is built: hashed assets, each with its compressed forms beside it, so that the service sends them as they lie.
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig, type Plugin } from 'vite';

const site = 'dist/site';

/** Smaller than this a file gains nothing from being compressed. */
const WORTH_IT = 512;

/** Writes `.gz` and `.br` beside every text of the site. */
function compressed(): Plugin {
  return {
    name: 'compressed',
    apply: 'build',
    closeBundle() {
      for (const name of readdirSync(site, { recursive: true, encoding: 'utf8' })) {
        const path = join(site, name);
        if (!/\.(html|js|css|svg|json)$/.test(name) || statSync(path).size < WORTH_IT) continue;
        const text = readFileSync(path);
        writeFileSync(`${path}.gz`, gzipSync(text, { level: 9 }));
        writeFileSync(`${path}.br`, brotliCompressSync(text, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }));
      }
    },
  };
}

// The service that `npm run dev` asks; it compares where a page comes from with the host that it asks.
const service = { target: process.env['WEIR_SERVICE'] ?? 'http://127.0.0.1:8080', changeOrigin: false };

export default defineConfig({
  plugins: [svelte(), compressed()],
  build: { outDir: site, emptyOutDir: true, target: 'es2022', modulePreload: { polyfill: false }, assetsInlineLimit: 0, chunkSizeWarningLimit: 600 },
  server: { proxy: { '/api': service, '/healthz': service, '/metrics': service } },
});
