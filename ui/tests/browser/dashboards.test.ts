// Dashboards as people use them: ready-made ones, one's own, moved by pointer and by keyboard, changed by two at once, as files.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Locator, Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { exact } from '../../src/view/format';
import { serious, settled, shoot } from './browser';
import { Fed, search } from './fed';
import { samples, until } from './service';

const fed = new Fed();
const { service } = fed;
const open: Fed['open'] = (...page) => fed.open(...page);

const widget = (page: Page, name: string): Locator => page.getByRole('region', { name, exact: true });
/** Pages refresh their list when they are loaded; a widget is there when its data is. */
const shown = async (page: Page, name: string): Promise<Locator> => {
  const found = widget(page, name);
  await found.waitFor();
  await expect.poll(() => found.locator('.waiting').count()).toBe(0);
  return found;
};

async function make(page: Page, name: string): Promise<void> {
  await page.getByRole('navigation', { name: 'Dashboards' }).getByRole('button', { name: 'New' }).click();
  const dialog = page.getByRole('dialog', { name: 'New dashboard' });
  await dialog.getByLabel('Name').fill(name);
  await dialog.getByRole('button', { name: 'Make it' }).click();
  await page.getByRole('button', { name: 'Save' }).waitFor();
}

async function place(page: Page, chapter: string): Promise<void> {
  await page.getByRole('button', { name: 'Add widget' }).first().click();
  const dialog = page.getByRole('dialog', { name: 'Add a widget' });
  await dialog.getByLabel('Find chapters').fill(chapter);
  await dialog.getByRole('listitem').getByRole('button', { name: chapter }).first().click();
  await still(await shown(page, chapter));
}

/** Where a widget stands when it moves no more. */
async function still(of: Locator): Promise<{ x: number; y: number; width: number; height: number }> {
  let before = '';
  return until('a widget that rests', async () => {
    const box = await of.boundingBox();
    const now = JSON.stringify(box);
    const rests = now === before;
    before = now;
    if (!rests) await new Promise((wake) => setTimeout(wake, 100));
    return rests && box ? box : undefined;
  });
}

test('ready-made dashboards come first, and their numbers are those of the command line', async () => {
  const page = await open(`/dashboards?${fed.range}`);
  await settled(page);
  const tabs = page.getByRole('navigation', { name: 'Dashboards' }).getByRole('link');
  expect((await tabs.allInnerTexts()).slice(0, 5)).toEqual(['Overview', 'Performance', 'Applications', 'Sources', 'Security']);
  const senders = await shown(page, 'Top senders');
  const rows = await service.query('--by', 'src_addr', '--top', '10', '--measures', 'bytes', '--spread', ...fed.span);
  const table = senders.locator('tbody tr');
  expect(await table.count()).toBe(rows.length);
  for (const [number, row] of rows.entries()) {
    expect(await table.nth(number).locator('td').first().innerText()).toBe(row['src_addr']);
    expect(await table.nth(number).locator('td').nth(1).getAttribute('title')).toBe(exact(Number(row['bytes'])));
  }
});

test('a press on a value of a widget asks for its records, and dragging over its chart shows that time', async () => {
  const page = await open(`/dashboards?dashboard=overview&${fed.range}`);
  await settled(page);
  const senders = await shown(page, 'Top senders');
  const value = await senders.locator('tbody a').first().innerText();
  await senders.locator('tbody a').first().click();
  await page.waitForURL((url) => url.pathname === '/analysis' && url.searchParams.get('filter') === `src_addr = ${value}`);
  expect(search(page.url()).get('from')).toBe(fed.span[1]);
  await page.goBack();
  const traffic = await shown(page, 'Traffic by source');
  const box = (await traffic.locator('canvas').boundingBox())!;
  await page.mouse.move(box.x + box.width * 0.5, box.y + box.height / 3);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.6, box.y + box.height / 3, { steps: 4 });
  await page.mouse.move(box.x + box.width * 0.75, box.y + box.height / 3, { steps: 4 });
  await page.mouse.up();
  await page.waitForURL((url) => url.pathname === '/dashboards' && url.searchParams.get('from') !== fed.span[1]);
});

test('a dashboard is made, arranged by pointer and by keyboard, kept, and removed', async () => {
  const page = await open(`/dashboards?${fed.range}`);
  await settled(page);
  await make(page, 'Night watch');
  await place(page, 'Top senders');
  await place(page, 'Protocols');

  // By pointer: the second to the right of the first.
  const grip = widget(page, 'Protocols').getByRole('button', { name: /^Move/ });
  const from = (await grip.boundingBox())!;
  const first = (await widget(page, 'Top senders').boundingBox())!;
  await page.mouse.move(from.x + 5, from.y + 5);
  await page.mouse.down();
  await page.mouse.move(first.x + first.width + 20, first.y + 80, { steps: 8 });
  await page.mouse.move(first.x + first.width + 60, first.y + 15, { steps: 8 });
  await page.mouse.up();
  const placeOf = (name: string) => still(widget(page, name));
  await expect.poll(async () => (await placeOf('Protocols')).y).toBe(first.y);
  expect((await placeOf('Protocols')).x).toBeGreaterThan(first.x + first.width - 1);

  // By keyboard: wider, and back.
  await widget(page, 'Top senders').getByRole('button', { name: /^Move/ }).focus();
  const before = await placeOf('Top senders');
  await page.keyboard.press('Shift+ArrowDown');
  await expect.poll(async () => (await placeOf('Top senders')).height).toBeGreaterThan(before.height);
  await page.keyboard.press('ArrowDown');
  expect(await serious(page)).toEqual([]);
  await shoot(page, 'dashboard-edit-desktop-light');
  const arranged = [await placeOf('Top senders'), await placeOf('Protocols')];
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByRole('button', { name: 'Edit', exact: true }).waitFor();

  // Somebody who opens the same address sees the same.
  const other = await open(new URL(page.url()).pathname + new URL(page.url()).search);
  await settled(other);
  const again = [await still(await shown(other, 'Top senders')), await still(await shown(other, 'Protocols'))];
  for (const [number, box] of arranged.entries()) {
    expect(again[number]!.x).toBeCloseTo(box.x, 0);
    expect(again[number]!.width).toBeCloseTo(box.width, 0);
    expect(again[number]!.height).toBeCloseTo(box.height, 0);
  }

  await page.getByRole('button', { name: 'Edit', exact: true }).click();
  await widget(page, 'Protocols').getByRole('button', { name: 'Remove Protocols' }).click();
  await expect.poll(() => widget(page, 'Protocols').count()).toBe(0);
  await page.getByRole('button', { name: 'Cancel' }).click();
  await shown(page, 'Protocols');

  await page.getByRole('button', { name: 'More' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await expect.poll(() => page.getByRole('navigation', { name: 'Dashboards' }).getByText('Night watch').count()).toBe(0);
});

test('of two who change the same dashboard the second is asked', async () => {
  const one = await open(`/dashboards?${fed.range}`);
  await settled(one);
  await make(one, 'Shared desk');
  await place(one, 'Top senders');
  await one.getByRole('button', { name: 'Save', exact: true }).click();
  await one.getByRole('button', { name: 'Edit', exact: true }).waitFor();
  const two = await open(new URL(one.url()).pathname + new URL(one.url()).search);
  await settled(two);
  await one.getByRole('button', { name: 'Edit', exact: true }).click();
  await two.getByRole('button', { name: 'Edit', exact: true }).click();
  await place(one, 'Top receivers');
  await one.getByRole('button', { name: 'Save', exact: true }).click();
  await one.getByRole('button', { name: 'Edit', exact: true }).waitFor();
  await place(two, 'Protocols');
  await two.getByRole('button', { name: 'Save', exact: true }).click();
  const dialog = two.getByRole('dialog', { name: 'Somebody else changed this dashboard' });
  await dialog.waitFor();
  expect(await serious(two)).toEqual([]);
  await shoot(two, 'conflict-desktop-light');
  await dialog.getByRole('button', { name: 'Save mine as a copy' }).click();
  await two.getByRole('navigation', { name: 'Dashboards' }).getByText('Shared desk (copy)').waitFor();
  await shown(two, 'Protocols');
  await two.getByRole('navigation', { name: 'Dashboards' }).getByText('Shared desk', { exact: true }).click();
  await two.reload();
  await shown(two, 'Top receivers');
  expect(await widget(two, 'Protocols').count()).toBe(0);
});

test('a view of the analysis becomes a chapter, and a widget', async () => {
  const page = await open(`/analysis?as=sankey&by=src_addr,dst_addr&filter=tcp&${fed.range}`);
  await settled(page);
  await page.getByRole('button', { name: 'Save as chapter' }).click();
  const dialog = page.getByRole('dialog', { name: 'Save as chapter' });
  await dialog.getByLabel('Name').fill('Who talks over TCP');
  expect(await dialog.getByLabel('Kind of chapter').inputValue()).toBe('sankey');
  expect(await serious(page)).toEqual([]);
  await shoot(page, 'chapter-form-desktop-light');
  // A filter that makes no sense is pointed at before anything is kept.
  await dialog.getByRole('combobox', { name: 'Filter of the chapter' }).fill('src prot 80');
  await dialog.getByRole('button', { name: 'Make the chapter' }).click();
  await dialog.getByRole('alert').getByText('did you mean').waitFor();
  await dialog.getByRole('combobox', { name: 'Filter of the chapter' }).fill('tcp');
  await dialog.getByRole('button', { name: 'Make the chapter' }).click();
  await page.getByText('“Who talks over TCP” is saved.').waitFor();

  await page.goto(`${service.url}/dashboards?${fed.range}`);
  await settled(page);
  await make(page, 'TCP');
  await place(page, 'Who talks over TCP');
  const diagram = widget(page, 'Who talks over TCP').getByRole('img');
  await diagram.waitFor();
  expect(await diagram.getAttribute('aria-label')).toMatch(/paths\. The largest: \S+ to \S+/);
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByRole('button', { name: 'Edit', exact: true }).waitFor();
});

test('a widget is exported as CSV, JSON and a picture', async () => {
  const page = await open(`/dashboards?dashboard=overview&${fed.range}`);
  await settled(page);
  const file = async (name: string, form: string): Promise<Buffer> => {
    await (await shown(page, name)).getByRole('button', { name: `Export ${name}` }).click();
    const download = page.waitForEvent('download');
    await page.getByRole('group', { name: `Export ${name} as` }).getByRole('button', { name: form }).click();
    return readFileSync(await (await download).path());
  };
  const rows = await service.query('--by', 'src_addr', '--top', '10', '--measures', 'bytes', '--spread', ...fed.span);
  const csv = (await file('Top senders', 'CSV')).toString().trim().split(/\r?\n/);
  expect(csv.length).toBe(rows.length + 1);
  expect(csv[1]).toContain(String(rows[0]?.['src_addr']));
  expect(csv[1]).toContain(String(rows[0]?.['bytes']));
  const json = JSON.parse((await file('Top senders', 'JSON')).toString()) as { kind: string; parts: { answer: { rows: object[] } }[] };
  expect(json.kind).toBe('top');
  expect(json.parts[0]?.answer.rows.length).toBe(rows.length);
  for (const name of ['Traffic by source', 'Top senders']) {
    const png = await file(name, 'PNG');
    expect(png.subarray(1, 4).toString()).toBe('PNG');
    expect(png.length).toBeGreaterThan(5_000);
    writeFileSync(join(import.meta.dirname, `../shots/export-${name.replaceAll(' ', '-').toLowerCase()}.png`), png);
  }
});

test('a live dashboard follows what arrives, and shows when the service does not answer', async () => {
  const page = await open('/dashboards?dashboard=overview&last=15m');
  await settled(page);
  const largest = (await shown(page, 'Top senders')).locator('tbody tr').first().locator('td').nth(1);
  const before = await largest.getAttribute('title');
  await service.replay(`${samples}/netflow9.pcap`);
  await service.replay(`${samples}/ipfix.pcap`);
  await expect.poll(() => largest.getAttribute('title'), { timeout: 40_000 }).not.toBe(before);
  await page.route('**/api/v1/view', (route) => route.fulfill({ status: 503, json: { error: '4 queries run: ask again later' } }));
  await widget(page, 'Top senders').getByText('The service is busy').waitFor();
  expect(await largest.isVisible()).toBe(true);
});
