// A source that stops, as the pages tell it while they are open.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Browser } from 'playwright-core';
import { DESKTOP, launch, open, settled, shoot } from './browser';
import { Service, ipfix } from './service';

const service = new Service('[collector]\nsilent_after = "5s"');
let browser: Browser;

beforeAll(async () => {
  await service.start();
  browser = await launch();
});
afterAll(async () => {
  await browser?.close();
  await service.close();
});

test('a source that stops is seen on pages that are open, with what to check, and seen when it is there again', async () => {
  const send = (): NodeJS.Timeout => setInterval(() => void service.send(ipfix('www.example.net', 'uplink'), '127.0.0.5'), 1_000);
  const sending = send();
  const options = { ...DESKTOP, colorScheme: 'light' as const, extraHTTPHeaders: service.local() };
  const sources = await open(browser, `${service.url}/sources?as=table`, options);
  const overview = await open(browser, `${service.url}/?last=15m`, options);
  await settled(sources.page);
  await settled(overview.page);
  const row = sources.page.getByRole('table', { name: 'Sources' }).locator('tbody tr', { hasText: '127.0.0.5' });
  const short = overview.page.getByRole('table', { name: 'Sources in short' }).locator('tbody tr', { hasText: '127.0.0.5' });
  await row.getByText('receiving').waitFor();
  await short.getByText('receiving').waitFor();

  clearInterval(sending);
  await row.getByText('silent').waitFor();
  await short.getByText('silent').waitFor();
  expect(await row.getByText('silent').getAttribute('title')).toContain('does it still export to this address and port?');
  await overview.page.getByText('0 of').waitFor();
  await overview.page.locator('li', { hasText: 'silent for' }).getByText('127.0.0.5').waitFor();
  await shoot(overview.page, 'source-stopped-overview-desktop-light');
  await shoot(sources.page, 'source-stopped-desktop-light');

  const again = send();
  await row.getByText('receiving').waitFor();
  await short.getByText('receiving').waitFor();
  clearInterval(again);
  for (const { wrong, close } of [sources, overview]) {
    await close();
    expect(wrong).toEqual([]);
  }
});
