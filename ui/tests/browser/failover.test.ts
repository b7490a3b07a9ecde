// A fail-over as people see it: two exporters that are units of one group report one after the other, and the console shows what happened.
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { exact } from '../../src/view/format';
import { launch, open as openPage, serious, settled, shoot, type Opened } from './browser';
import { LOOKS } from './fed';
import { Service, samples, until } from './service';

const UNITS = { 'lb-a': '127.0.0.21', 'lb-b': '127.0.0.22' };
const sections = Object.entries(UNITS).map(([name, address]) => `[source.${name}]\nmatch = "${address}"\nname = "${name}"\ngroup = "pair"\n`);
const service = new Service(sections.join('\n'));

/** How long the first unit reports, and then nobody. */
const REPORTS = 20_000;
const GAP = 6_000;

let browser: Browser;
/** A range that holds all of it, as the address has it, and the command line. */
let range = '';
let span: string[] = [];
let opened: Opened[] = [];

type Told = { group: string; from: string; to: string; began: string; ended: string; seconds: number; reason: string };
let told: Told;
/** From the end of the one until the other was known to have taken over. */
let atMost = 0;

async function summary(): Promise<{ notes: { code: string; fail_over?: Told }[]; completeness: Record<'fail_over_seconds' | 'lost_records' | 'faults' | 'down_seconds', number> }> {
  const response = await fetch(`${service.url}/api/v1/query?summary=true&filter=${encodeURIComponent('source_group = "pair"')}`, { headers: service.local() });
  return (await response.json()) as Awaited<ReturnType<typeof summary>>;
}

/** Kills the unit that reports now. */
let kill: (() => Promise<void>) | undefined;
const begin = (unit: keyof typeof UNITS): void => {
  kill = service.meterOn(`${samples}/packets.pcap`, UNITS[unit]);
};

beforeAll(async () => {
  await service.start();
  browser = await launch();
  const from = Date.now() - 5_000;
  begin('lb-a');
  await until('lb-a to have reported', async () => Date.now() - from > REPORTS);
  await kill?.();
  const silent = Date.now();
  await until('a gap', async () => Date.now() - silent > GAP);
  begin('lb-b');
  await until('the fail-over to be told', async () => (await summary()).completeness.fail_over_seconds > 0);
  // The last records of the one came up to a second before its end.
  atMost = Date.now() - silent + 2_000;
  // Nothing goes on over the end of the range.
  await kill?.();
  kill = undefined;
  told = (await summary()).notes.find(({ code }) => code === 'fail_over')!.fail_over!;
  const text = (moment: number): string => new Date(Math.floor(moment / 1000) * 1000).toISOString().replace('.000', '');
  span = ['--from', text(from), '--to', text(Date.now() + 2_000)];
  range = new URLSearchParams({ from: span[1]!, to: span[3]! }).toString();
  // A slot that goes on is not drawn.
  await until('the end of the last slot', async () => Date.now() > Date.parse(span[3]!) + 2_000);
}, 240_000);

afterAll(async () => {
  await kill?.();
  await browser?.close();
  await service.close();
});
afterEach(async () => {
  const all = opened;
  opened = [];
  for (const { close } of all) await close();
  for (const { wrong } of all) expect(wrong).toEqual([]);
});

async function open(path: string, options: Parameters<typeof openPage>[2] = LOOKS[0][1]): Promise<Page> {
  const found = await openPage(browser, service.url + path, { ...options, extraHTTPHeaders: service.local() });
  opened.push(found);
  await settled(found.page);
  return found.page;
}

const rowOfLegend = (page: Page, name: string) => page.getByRole('table', { name: 'Legend' }).locator('tr', { has: page.getByText(name, { exact: true }) });

test('the fail-over is told with its units, its length and its reason, and nothing else is missing', async () => {
  expect(told).toMatchObject({ group: 'pair', from: UNITS['lb-a'], to: UNITS['lb-b'], reason: 'silent' });
  expect(told.seconds).toBeGreaterThanOrEqual(GAP / 1000);
  expect(told.seconds).toBeLessThan(atMost / 1000);
  expect((await summary()).completeness).toMatchObject({ fail_over_seconds: Math.ceil(told.seconds), lost_records: 0, faults: 0, down_seconds: 0 });
});

test('the chart of all sources has the group and its units, with the numbers of the command line', async () => {
  const page = await open(`/analysis?profile=all-sources&${range}`);
  const total = new Map<string, number>();
  for (const [name, filter] of [['pair', 'exporter 127.0.0.21 or exporter 127.0.0.22'], ['lb-a', 'exporter 127.0.0.21'], ['lb-b', 'exporter 127.0.0.22']] as const) {
    const line = await page.getByRole('region', { name, exact: true }).innerText();
    const rows = await service.shell(line);
    const largest = Math.max(...rows.map((row) => Number(row['bps'])));
    expect(await rowOfLegend(page, name).locator('td').nth(1).getAttribute('title'), name).toBe(exact(largest));
    const [summary] = await service.query(filter, '--summary', ...span);
    total.set(name, Number(summary?.['bytes']));
    const sum = rows.reduce((sum, row) => sum + Number(row['bytes'] ?? 0), 0);
    expect(sum, `${name}: series and summary`).toBe(total.get(name));
    // The units change places: each has records on its own side of the gap, and the group on both.
    const times = rows.filter((row) => Number(row['bytes'] ?? 0) > 0).map((row) => Date.parse(String(row['slot'])));
    const before = times.some((slot) => slot < Date.parse(told.began));
    const behind = times.some((slot) => slot >= Date.parse(told.ended));
    expect([before, behind], name).toEqual([name !== 'lb-b', name !== 'lb-a']);
  }
  expect(total.get('pair')).toBe(total.get('lb-a')! + total.get('lb-b')!);
  expect(total.get('lb-a')).toBeGreaterThan(0);
});

test('the gap is marked with its length, and what happened stands beside it', async () => {
  const page = await open(`/analysis?profile=all-sources&${range}`);
  const chart = page.getByRole('img', { name: /gap at a fail-over/ });
  const length = `${Number(told.seconds.toFixed(1))} s`;
  expect(await chart.getAttribute('aria-label')).toContain(`the latest of ${length}`);
  await page.getByText('no records at a fail-over', { exact: true }).waitFor();
  await page.getByText(/group "pair": 127\.0\.0\.22 took over from 127\.0\.0\.21, which fell silent/).waitFor();
  // Beside the pointer, where the gap is.
  const box = (await chart.boundingBox())!;
  const [from, to] = [Date.parse(span[1]!), Date.parse(span[3]!)];
  const at = (Date.parse(told.began) + Date.parse(told.ended)) / 2;
  const tip = page.locator('.tip-note.gap');
  await expect.poll(async () => {
    // The plot begins behind the numbers of the axis.
    for (const left of [60, 80, 100]) {
      await page.mouse.move(box.x + left + ((box.width - left - 12) * (at - from)) / (to - from), box.y + box.height / 2);
      if (await tip.count()) return tip.first().innerText();
    }
    return '';
  }).toContain(`no records for ${length}`);
  await shoot(page, 'failover-tip-desktop-light');
});

test('the overview says what happened', async () => {
  const page = await open(`/?${range}`);
  const row = page.getByRole('listitem').filter({ has: page.getByText('fail-over', { exact: true }) });
  await expect.poll(() => row.innerText()).toContain('lb-b took over from lb-a, which fell silent');
});

test('sources show the group as one with its units beneath', async () => {
  const page = await open(`/sources?${range}`);
  const pair = page.getByRole('region', { name: 'Group pair' });
  expect(await pair.getByRole('article').evaluateAll((cards) => cards.map((card) => card.getAttribute('aria-label')))).toEqual(['lb-a', 'lb-b']);
  expect(await pair.innerText()).toContain('the latest records are of lb-b');
  expect(await pair.innerText()).toContain('lb-b took over from lb-a, which fell silent');
  await page.getByRole('button', { name: 'Table' }).click();
  const rows = page.getByRole('table', { name: 'Sources' }).locator('tbody tr');
  await expect.poll(() => rows.count()).toBeGreaterThanOrEqual(3);
  const names = await rows.evaluateAll((all) => all.map((row) => row.querySelector('td')?.innerText.split('\n')[0]));
  const place = names.indexOf('pair');
  expect(new Set(names.slice(place + 1, place + 3))).toEqual(new Set(['lb-a', 'lb-b']));
});

const PAGES = [
  ['overview', '/'],
  ['analysis', '/analysis?profile=all-sources'],
  ['analysis-sources', '/analysis?by=exporter'],
  ['sources', '/sources'],
  ['sources-table', '/sources?as=table'],
  ['dashboard', '/dashboards?dashboard=sources'],
] as const;

for (const [name, path] of PAGES) {
  for (const [look, options] of LOOKS) {
    test(`a fail-over is readable by everybody: ${name}, ${look}`, async () => {
      const page = await open(`${path}${path.includes('?') ? '&' : '?'}${range}`, options);
      expect(await serious(page)).toEqual([]);
      const width = await page.evaluate(() => document.documentElement.scrollWidth);
      expect(width, 'the page is wider than the screen').toBeLessThanOrEqual(options.viewport?.width ?? 0);
      await shoot(page, `failover-${name}-${look}`);
    });
  }
}
