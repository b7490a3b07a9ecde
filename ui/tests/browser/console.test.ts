// The console as people use it: real pages of a real service that has received real flow export.
import { expect, test } from 'vitest';
import { exact } from '../../src/view/format';
import { DESKTOP, PHONE, serious, settled, shoot } from './browser';
import { Fed, HOSTILE, LOOKS, search } from './fed';
import { samples } from './service';

const fed = new Fed();
const { service } = fed;
const open: Fed['open'] = (...page) => fed.open(...page);

const PAGES = [
  ['overview', '/'],
  ['analysis', '/analysis'],
  ['records', '/analysis?table=records'],
  ['compare', '/analysis?compare=1&by=protocol,server+port'],
  ['analysis-profile', '/analysis?profile=all-sources'],
  ['analysis-sankey', '/analysis?as=sankey&by=src_addr,dst_addr,dst_port'],
  ['analysis-heat', '/analysis?as=heat_map&by=protocol'],
  ['analysis-performance', '/analysis?as=performance&profile=all-sources'],
  ['dashboard-overview', '/dashboards?dashboard=overview'],
  ['dashboard-performance', '/dashboards?dashboard=performance'],
  ['dashboard-applications', '/dashboards?dashboard=applications'],
  ['dashboard-sources', '/dashboards?dashboard=sources'],
  ['dashboard-security', '/dashboards?dashboard=security'],
  ['profiles', '/profiles'],
  ['settings', '/settings'],
  ['settings-users', '/settings?tab=users'],
  ['settings-audit', '/settings?tab=audit'],
  ['settings-service', '/settings?tab=service'],
  ['sources', '/sources'],
  ['sources-table', '/sources?as=table'],
  ['status', '/status'],
] as const;

for (const [name, path] of PAGES) {
  for (const [look, options] of LOOKS) {
    test(`${name} is readable by everybody: ${look}`, async () => {
      const page = await open(`${path}${path.includes('?') ? '&' : '?'}${fed.range}`, options);
      await settled(page);
      if (name === 'status') await page.getByText('live', { exact: true }).waitFor();
      expect(await serious(page)).toEqual([]);
      const width = await page.evaluate(() => document.documentElement.scrollWidth);
      expect(width, 'the page is wider than the screen').toBeLessThanOrEqual(options.viewport?.width ?? 0);
      await shoot(page, `${name}-${look}`);
    });
  }
}

// The console that is in the program; a preview has headers of its own.
test.skipIf(process.env['WEIR_UI_PREVIEW'])('the first load is under 450 KiB of script, compressed, and kept', async () => {
  const index = await (await fetch(service.url)).text();
  const names = [...index.matchAll(/\/assets\/[^"]+\.js/g)].map(([name]) => name);
  const page = await open(`/?${fed.range}`);
  await settled(page);
  const loaded = await page.evaluate(() => performance.getEntriesByType('resource').map(({ name }) => name));
  const scripts = new Set([...names, ...loaded.map((name) => new URL(name).pathname).filter((name) => name.endsWith('.js'))]);
  let octets = 0;
  for (const script of scripts) {
    const response = await fetch(service.url + script, { headers: { 'accept-encoding': 'gzip' } });
    expect(response.headers.get('content-encoding'), script).toBe('gzip');
    expect(response.headers.get('cache-control'), script).toContain('immutable');
    octets += Number(response.headers.get('content-length'));
  }
  expect(scripts.size).toBeGreaterThan(1);
  expect(octets).toBeGreaterThan(50_000);
  expect(octets).toBeLessThan(450 * 1024);
});

test('numbers of the overview are those of the command line', async () => {
  const page = await open(`/?${fed.range}`);
  await settled(page);
  const talkers = await service.query('--by', 'src_addr', '--top', '8', '--measures', 'bytes,bps', '--spread', ...fed.span);
  expect(talkers.length).toBe(8);
  const rows = page.getByRole('table', { name: 'Top talkers' }).locator('tbody tr');
  for (const [place, talker] of talkers.entries()) {
    const cells = rows.nth(place).locator('td');
    expect(await cells.first().innerText()).toBe(talker['src_addr']);
    expect(await cells.nth(1).getAttribute('title')).toBe(exact(Number(talker['bytes'])));
    expect(await cells.nth(2).getAttribute('title')).toBe(exact(Number(talker['bps'])));
  }
  const [summary] = await service.query('--summary', '--spread', ...fed.span);
  const volume = page.locator('.tile', { hasText: 'Volume' }).locator('.value');
  expect(await volume.getAttribute('title')).toBe(exact(Number(summary?.['bytes'])));
});

test('the chart has the numbers of its line of the command line', async () => {
  const page = await open(`/analysis?by=exporter&${fed.range}`);
  await settled(page);
  const line = await page.getByRole('region', { name: 'Chart', exact: true }).innerText();
  expect(line).toMatch(/^weir query .*--series/);
  const largest = new Map<string, number>();
  for (const row of await service.shell(line)) {
    const name = String(row['exporter']);
    largest.set(name, Math.max(largest.get(name) ?? 0, Number(row['bps'])));
  }
  expect(largest.size).toBeGreaterThan(2);
  for (const [name, bps] of largest) {
    if (name === '(others)') continue;
    const row = page.getByRole('table', { name: 'Legend' }).locator('tr', { has: page.getByText(name, { exact: true }) });
    expect(await row.locator('td').nth(1).getAttribute('title'), name).toBe(exact(bps));
  }
});

test('the table is what its line of the command line prints', async () => {
  const page = await open(`/analysis?by=protocol,dst_port&top=20&${fed.range}`);
  await settled(page);
  const line = await page.getByRole('region', { name: 'Table', exact: true }).innerText();
  const rows = await service.shell(line);
  expect(rows.length).toBe(20);
  const shown = page.getByRole('table', { name: 'Largest groups' }).locator('tbody tr');
  expect(await shown.count()).toBe(rows.length);
  const first = await shown.first().locator('td').nth(2).locator('span').first().getAttribute('title');
  expect(first).toBe(exact(Number(rows[0]?.['bps'])));
});

test('dragging over the chart shows that time', async () => {
  const page = await open(`/analysis?${fed.range}`);
  await settled(page);
  const box = (await page.locator('canvas').first().boundingBox())!;
  const at = (part: number): [number, number] => [box.x + box.width * part, box.y + box.height / 2];
  await page.mouse.move(...at(0.5));
  await page.mouse.down();
  await page.mouse.move(...at(0.6), { steps: 4 });
  await page.mouse.move(...at(0.75), { steps: 4 });
  await page.mouse.up();
  await page.waitForURL((url) => url.search !== `?${fed.range}`);
  const [from, to] = [Date.parse(search(page.url()).get('from')!), Date.parse(search(page.url()).get('to')!)];
  const [begun, ended] = [Date.parse(fed.span[1]!), Date.parse(fed.span[3]!)];
  expect(from).toBeGreaterThan(begun);
  expect(to).toBeLessThan(ended);
  const part = (to - from) / (ended - begun);
  expect(part).toBeGreaterThan(0.15);
  expect(part).toBeLessThan(0.4);
  await page.goBack();
  expect(search(page.url()).get('from')).toBe(fed.span[1]);
});

test('time is moved and zoomed by keyboard', async () => {
  const page = await open(`/analysis?${fed.range}`);
  await settled(page);
  await page.getByRole('button', { name: 'Zoom in' }).focus();
  await page.keyboard.press('Enter');
  await page.waitForURL((url) => url.searchParams.get('from') !== fed.span[1]);
  const narrow = search(page.url());
  expect(Date.parse(narrow.get('to')!) - Date.parse(narrow.get('from')!)).toBeLessThan(Date.parse(fed.span[3]!) - Date.parse(fed.span[1]!));
  await page.getByRole('button', { name: 'Earlier' }).press('Enter');
  await page.waitForURL((url) => url.searchParams.get('from') !== narrow.get('from'));
  expect(Date.parse(search(page.url()).get('from')!)).toBeLessThan(Date.parse(narrow.get('from')!));
});

test('a press on a value shows its records alone, or all others', async () => {
  const page = await open(`/analysis?${fed.range}`);
  await settled(page);
  const table = page.getByRole('table', { name: 'Largest groups' });
  const value = await table.locator('tbody tr').first().locator('td').first().innerText();
  await table.getByTitle(`Only ${value}`, { exact: true }).click();
  await page.waitForURL((url) => url.searchParams.get('filter') === `src_addr = ${value}`);
  await expect.poll(() => table.locator('tbody tr').count()).toBe(1);
  const [only] = await service.query(`src_addr = ${value}`, '--by', 'src_addr', '--measures', 'bytes', ...fed.span);
  await expect.poll(() => table.locator('tbody td').nth(2).locator('span').first().getAttribute('title')).toContain(exact(Number(only?.['bytes'])));

  await page.goBack();
  await settled(page);
  await table.getByTitle(`Only ${value}`, { exact: true }).hover();
  await table.getByRole('button', { name: `Without ${value}`, exact: true }).click();
  await page.waitForURL((url) => url.searchParams.get('filter') === `not src_addr = ${value}`);
  await expect.poll(() => table.locator('tbody tr').first().locator('td').first().innerText()).not.toBe(value);
});

test('a filter that makes no sense is pointed at, and its hint repairs it', async () => {
  const page = await open(`/analysis?${fed.range}`);
  await settled(page);
  const box = page.getByRole('combobox', { name: 'Filter' });
  await box.fill('src prot 80');
  await page.keyboard.press('Enter');
  const wrong = page.getByRole('alert');
  await wrong.getByText('did you mean').waitFor();
  expect(await wrong.locator('mark').innerText()).toBe('prot');
  expect(await box.getAttribute('aria-invalid')).toBe('true');
  expect(await serious(page)).toEqual([]);
  await shoot(page, 'filter-error-desktop-light');
  await wrong.getByRole('button', { name: 'Use “port”' }).click();
  await page.waitForURL((url) => url.searchParams.get('filter') === 'src port 80');
  await expect.poll(() => box.getAttribute('aria-invalid')).toBe('false');
});

test('what may come next is offered and taken by keyboard', async () => {
  const page = await open(`/analysis?${fed.range}`);
  await settled(page);
  const box = page.getByRole('combobox', { name: 'Filter' });
  await box.pressSequentially('src po');
  const list = page.getByRole('listbox', { name: 'What may come next' });
  await list.getByRole('option').first().waitFor();
  expect(await list.getByRole('option').first().locator('code').innerText()).toBe('port');
  await shoot(page, 'completion-desktop-light');
  await box.press('ArrowDown');
  expect(await box.getAttribute('aria-activedescendant')).toBeTruthy();
  await box.press('Enter');
  await expect.poll(() => box.inputValue()).toBe('src port ');
  await box.press('Escape');
  expect(await list.isVisible()).toBe(false);
});

test('an address that was kept shows the same to somebody else', async () => {
  const page = await open('/analysis?by=dst_port&measure=packets&top=5&filter=udp&last=15m');
  await settled(page);
  const address = await page.getByRole('region', { name: 'Address' }).innerText();
  const text = await page.getByRole('table', { name: 'Largest groups' }).innerText();
  const other = await open(address.slice(service.url.length));
  await settled(other);
  expect(await other.getByRole('table', { name: 'Largest groups' }).innerText()).toBe(text);
  expect(await other.getByRole('combobox', { name: 'Filter' }).inputValue()).toBe('udp');
});

test('records are listed as the command line lists them, and shown in full', async () => {
  const page = await open(`/analysis?table=records&filter=${encodeURIComponent('port 53')}&${fed.range}`);
  await settled(page);
  const records = await service.query('port 53', '--limit', '100', ...fed.span);
  expect(records.length).toBeGreaterThan(2);
  const table = page.getByRole('table', { name: 'Records' });
  expect(await table.locator('tbody tr').count()).toBe(records.length);
  await table.getByRole('button', { name: 'The whole record' }).first().press('Enter');
  const dialog = page.getByRole('dialog', { name: 'Record' });
  await dialog.waitFor();
  expect(await dialog.innerText()).toContain(String(records[0]?.['src_addr']));
  expect(await serious(page)).toEqual([]);
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'hidden' });
});

test('what an exporter or a configuration says is text, never a page', async () => {
  const page = await open(`/analysis?by=http_host&${fed.range}`);
  await settled(page);
  await page.getByRole('table', { name: 'Largest groups' }).getByRole('button', { name: HOSTILE, exact: true }).click();
  await page.waitForURL((url) => (url.searchParams.get('filter') ?? '').startsWith('http_host = "'));
  await expect.poll(() => page.getByRole('table', { name: 'Largest groups' }).locator('tbody tr').count()).toBe(1);
  const box = (await page.locator('canvas').first().boundingBox())!;
  for (let part = 0.05; part < 1; part += 0.05) await page.mouse.move(box.x + box.width * part, box.y + box.height / 2);
  await page.locator('.chart-tip').first().waitFor();
  expect(await page.locator('.chart-tip img, .chart-tip script').count()).toBe(0);

  const sources = await open(`/sources?find=${encodeURIComponent('<img')}&${fed.range}`);
  await settled(sources);
  await sources.getByRole('button', { name: '<img src=x onerror=alert(1)>', exact: true }).click();
  await sources.getByRole('dialog').getByText('<script>alert(2)</script>').waitFor();
  expect(await sources.locator('main img, main script').count()).toBe(0);
  const overview = await open(`/?${fed.range}`);
  await settled(overview);
  expect(await overview.locator('main img, main script').count()).toBe(0);
});

test('the overview by applications and by protocols', async () => {
  const page = await open(`/?${fed.range}`);
  await settled(page);
  await page.getByRole('button', { name: 'Protocols' }).click();
  await page.waitForURL((url) => url.searchParams.get('by') === 'protocol');
  const legend = page.getByRole('table', { name: 'Legend' });
  await legend.getByText('TCP', { exact: true }).waitFor();
  await page.getByRole('button', { name: 'Applications' }).click();
  await legend.getByText('dns', { exact: true }).waitFor();
  await legend.getByRole('button', { name: 'dns' }).click();
  await page.waitForURL((url) => url.pathname === '/analysis' && url.searchParams.get('filter') === '(app = "dns" or not app exists and app_name = "dns")');
  await expect.poll(() => page.getByRole('table', { name: 'Largest groups' }).locator('tbody tr').count()).toBeGreaterThan(0);
});

test('sources are those of the command line, found by what is typed, sorted by keyboard', async () => {
  const known = JSON.parse(`[${(await service.weir('sources', '--format', 'json')).trim().split('\n').join(',')}]`) as { exporter: string }[];
  expect(known.length).toBeGreaterThan(4);
  const page = await open(`/sources?as=table&${fed.range}`);
  await settled(page);
  const rows = page.getByRole('table', { name: 'Sources' }).locator('tbody tr');
  await expect.poll(() => rows.count()).toBe(known.length);
  await page.getByRole('button', { name: 'Source', exact: true }).press('Enter');
  expect(await page.getByRole('columnheader', { name: 'Source', exact: true }).getAttribute('aria-sort')).toBe('ascending');
  await page.getByRole('searchbox', { name: 'Find sources' }).fill('sflow');
  await expect.poll(() => rows.count()).toBeLessThan(known.length);
  expect(await rows.first().innerText()).toContain('sflow');
});

test('live figures move by themselves', async () => {
  const page = await open('/status');
  await page.getByText('live', { exact: true }).waitFor();
  const datagrams = page.locator('.tile', { has: page.getByText('Datagrams', { exact: true }) }).locator('.value');
  const shown = async (): Promise<number> => Number((await datagrams.innerText()).replace(/\D/g, ''));
  const before = await shown();
  expect(before).toBeGreaterThan(10);
  await service.replay(`${samples}/sflow.pcap`);
  await expect.poll(shown, { timeout: 20_000 }).toBe(before + 5);
});

test('a live overview follows what arrives', async () => {
  const page = await open('/?last=15m');
  await settled(page);
  const flows = page.locator('.tile', { hasText: 'Flows' }).locator('.value');
  const before = await flows.getAttribute('title');
  await service.replay(`${samples}/netflow5.pcap`);
  await expect.poll(() => flows.getAttribute('title'), { timeout: 40_000 }).not.toBe(before);
});

test('nothing, slow, refused, broken off: each has its words', async () => {
  const nothing = await open('/analysis?from=2001-01-01T00:00:00Z&to=2001-01-01T01:00:00Z');
  await settled(nothing);
  await nothing.getByText('No records match in this time.').first().waitFor();
  expect(await serious(nothing)).toEqual([]);
  await shoot(nothing, 'no-data-desktop-light');

  const slow = await open('/status');
  await slow.route('**/api/v1/query', async (route) => {
    await new Promise((wake) => setTimeout(wake, 6_000));
    await route.continue().catch(() => undefined);
  });
  await slow.getByRole('link', { name: 'Analysis' }).click();
  await slow.locator('.waiting').first().waitFor();
  await slow.getByText('This takes a while.').first().waitFor();
  await shoot(slow, 'slow-desktop-light');
  await slow.getByRole('button', { name: 'Cancel' }).first().click();
  await slow.getByText('cancelled before there was an answer').waitFor();

  const busy = await open('/status');
  await busy.route('**/api/v1/query', (route) => route.fulfill({ status: 503, json: { error: '4 queries run: ask again later' } }));
  await busy.getByRole('link', { name: 'Analysis' }).click();
  await busy.getByText('The service is busy').first().waitFor();
  await busy.unroute('**/api/v1/query');
  await busy.getByRole('button', { name: 'Try again' }).first().click();
  await busy.getByRole('table', { name: 'Largest groups' }).waitFor();
});

test('the whole is reached by keyboard alone', async () => {
  const page = await open(`/?${fed.range}`);
  await settled(page);
  await page.keyboard.press('Tab');
  expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('To the content');
  for (let step = 0; step < 4; step += 1) await page.keyboard.press('Tab');
  expect(await page.evaluate(() => document.activeElement?.textContent?.trim())).toBe('Analysis');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Analysis', level: 1 }).waitFor();
  expect(await page.title()).toBe('Analysis · Weir');
});

test('dark or light is chosen and kept', async () => {
  const page = await open(`/?${fed.range}`, { ...DESKTOP, colorScheme: 'light' });
  const shown = (): Promise<string | undefined> => page.evaluate(() => document.documentElement.dataset['theme']);
  expect(await shown()).toBe('light');
  await page.getByRole('button', { name: /^Theme/ }).click();
  await page.getByRole('button', { name: /^Theme: light/ }).click();
  expect(await shown()).toBe('dark');
  await page.reload();
  expect(await shown()).toBe('dark');
  // A phone has no room for the button; the settings have the choice.
  const phone = await open('/settings', { ...PHONE, colorScheme: 'light' });
  await phone.getByRole('group', { name: 'Theme' }).getByRole('button', { name: 'Dark' }).click();
  await phone.reload();
  expect(await phone.evaluate(() => document.documentElement.dataset['theme'])).toBe('dark');
});

// The last one: others need the service.
test('a service that is gone is told, and found again', async () => {
  const page = await open('/sources');
  await settled(page);
  await service.stop();
  await page.getByText('The service does not answer.').waitFor();
  await shoot(page, 'offline-desktop-light');
  await service.start();
  await expect.poll(() => page.getByText('The service does not answer.').count(), { timeout: 30_000 }).toBe(0);
});
