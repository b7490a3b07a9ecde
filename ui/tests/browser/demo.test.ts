// `weir demo`: the console that whoever tries Weir sees first is full of living data.
import { spawn, type ChildProcess } from 'node:child_process';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launch, open, settled, shoot, type Opened } from './browser';
import { LOOKS } from './fed';
import { program, until } from './service';

let demo: ChildProcess;
let browser: Browser;
let url = '';
let told = '';

beforeAll(async () => {
  const begun = Date.now();
  demo = spawn(program(), ['demo', '--listen', '127.0.0.1:0'], { stdio: ['ignore', 'pipe', 'ignore'] });
  demo.stdout?.on('data', (chunk: Buffer) => (told += chunk.toString()));
  browser = await launch();
  url = await until('the address of the console', async () => /console +(\S+)/.exec(told)?.[1]);
  const { page, close } = await open(browser, `${url}/`);
  await page.getByRole('table', { name: 'Top talkers' }).locator('tbody tr').nth(4).waitFor();
  console.log(`weir demo: the overview has data after ${((Date.now() - begun) / 1000).toFixed(1)} s`);
  await close();
  // The loss is told once datagrams have gone on.
  await until('an hour of the past, and a loss', async () => {
    const sources = (await (await fetch(`${url}/api/v1/sources`)).json()) as { lost_datagrams?: number; records: number }[];
    return sources.some(({ lost_datagrams }) => (lost_datagrams ?? 0) > 0) && sources.every(({ records }) => records > 0);
  });
});
afterAll(async () => {
  await browser?.close();
  const ended = new Promise((resolve) => demo.once('exit', resolve));
  demo.kill('SIGTERM');
  await ended;
});

async function at(path: string, options = {}): Promise<Opened> {
  const opened = await open(browser, url + path, options);
  await settled(opened.page);
  return opened;
}

test('the overview has several sources, one with loss, talkers and services', async () => {
  for (const [name, options] of LOOKS) {
    const { page, wrong, close } = await at('/', options);
    const sources = page.getByRole('table', { name: 'Sources in short' }).locator('tbody tr');
    expect(await sources.count()).toBe(8);
    const lossy = sources.filter({ hasText: 'branch, lossy line' }).locator('td').last();
    expect(await lossy.innerText()).toMatch(/^\d+(\.\d+)? %$/);
    expect(await lossy.innerText()).not.toBe('0 %');
    expect(await page.getByRole('table', { name: 'Top talkers' }).locator('tbody tr').count()).toBe(8);
    await shoot(page, `demo-overview-${name}`);
    await close();
    expect(wrong).toEqual([]);
  }
});

test('every ready-made dashboard shows something in each of its widgets', async () => {
  for (const dashboard of ['overview', 'performance', 'applications', 'sources', 'security']) {
    for (const [name, options] of LOOKS.filter(([name]) => dashboard === 'overview' || name === 'desktop-light')) {
      const { page, wrong, close } = await at(`/dashboards?dashboard=${dashboard}`, options);
      expect(await page.getByText(/No data in this time.|Nothing was measured/).allInnerTexts(), dashboard).toEqual([]);
      expect(await page.getByText('No record says a country').count(), dashboard).toBe(0);
      await shoot(page, `demo-dashboard-${dashboard}-${name}`);
      await close();
      expect(wrong).toEqual([]);
    }
  }
});

test('applications have names, whoever knows them, and the map names countries', async () => {
  const { page, wrong, close } = await at('/dashboards?dashboard=overview');
  const applications = page.getByRole('region', { name: 'Top applications' }).locator('tbody tr');
  const names = await applications.locator('td:first-child').allInnerTexts();
  // Recognised by the meter, and told by an exporter.
  expect(names).toEqual(expect.arrayContaining(['quic', 'https']));
  const map = page.getByRole('region', { name: 'Where traffic comes from' }).getByRole('img');
  expect(await map.getAttribute('aria-label')).toMatch(/The largest: (Germany|Japan|United States|Czechia|Australia|France) [\d.]+ [kMG]B/);
  await close();
  expect(wrong).toEqual([]);
});
