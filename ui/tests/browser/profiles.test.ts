// Profiles as people use them: made, looked at, changed, removed; a service behind a load balancer by its recipe.
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { exact } from '../../src/view/format';
import { serious, settled, shoot } from './browser';
import { Fed, search } from './fed';
import { until } from './service';

const fed = new Fed();
const { service } = fed;
const open: Fed['open'] = (...page) => fed.open(...page);

const rowOfLegend = (page: Page, name: string) => page.getByRole('table', { name: 'Legend' }).locator('tr', { has: page.getByText(name, { exact: true }) });

test('a profile is made with channels, and its chart has the numbers of their filters', async () => {
  const page = await open(`/profiles?${fed.range}`);
  await settled(page);
  await page.getByRole('article', { name: 'All Sources' }).waitFor();
  await page.getByRole('button', { name: 'New profile' }).click();
  const dialog = page.getByRole('dialog', { name: 'New profile' });
  await dialog.getByLabel('Name', { exact: true }).fill('Web');
  await dialog.getByLabel('Group').fill('Services');
  await dialog.getByLabel('Name of channel 1').fill('asked');
  // What is wrong in a filter is pointed at, in its channel.
  const filter = dialog.getByRole('combobox', { name: 'Filter of channel 1' });
  await filter.fill('dst prot 443');
  await dialog.getByRole('button', { name: 'Make the profile' }).click();
  const wrong = dialog.getByRole('group', { name: 'Channel: asked' }).getByRole('alert');
  await wrong.getByText('did you mean').waitFor();
  expect(await wrong.locator('mark').innerText()).toBe('prot');
  // What may come next is offered here too.
  await filter.fill('');
  await filter.pressSequentially('dst po');
  await dialog.getByRole('group', { name: 'Channel: asked' }).getByRole('option').first().waitFor();
  await filter.press('ArrowDown');
  await filter.press('Enter');
  await expect.poll(() => filter.inputValue()).toBe('dst port ');
  await filter.fill('dst port 443');

  await dialog.getByRole('button', { name: 'Add channel' }).click();
  await dialog.getByLabel('Name of channel 2').fill('answered');
  await dialog.getByRole('combobox', { name: 'Filter of channel 2' }).fill('src port 443');
  await dialog.getByRole('group', { name: 'Side of answered' }).getByRole('button', { name: 'Below' }).click();
  await dialog.getByRole('button', { name: /^Colour of answered/ }).click();
  await page.getByRole('group', { name: 'Colour of answered' }).getByRole('button', { name: '#d4505f' }).click();
  expect(await serious(page)).toEqual([]);
  await shoot(page, 'profile-form-desktop-light');
  await dialog.getByRole('button', { name: 'Make the profile' }).click();
  await page.getByRole('region', { name: 'Services' }).getByRole('article', { name: 'Web' }).waitFor();

  await page.getByRole('link', { name: 'Analyse Web' }).click();
  await page.waitForURL((url) => url.pathname === '/analysis' && url.searchParams.has('profile'));
  // A slot that goes on is not drawn; the last one of the range is to be over.
  const SLOT = 10_000;
  await until('the end of the last slot', async () => Date.now() > Date.parse(fed.span[3]!) + SLOT);
  await page.goto(`${service.url}/analysis?profile=${search(page.url()).get('profile')}&${fed.range}`);
  await settled(page);
  for (const [name, filter] of [['asked', 'dst port 443'], ['answered', 'src port 443']] as const) {
    const line = await page.getByRole('region', { name, exact: true }).innerText();
    expect(line).toContain(filter);
    const series = await service.shell(line);
    const largest = Math.max(...series.map((row) => Number(row['bps'])));
    expect(largest).toBeGreaterThan(0);
    expect(await rowOfLegend(page, name).locator('td').nth(1).getAttribute('title')).toBe(exact(largest));
  }
  // The table is of both channels together.
  const [top] = await service.query('port 443', '--by', 'src_addr', '--top', '1', '--measures', 'bps', '--spread', ...fed.span);
  const first = page.getByRole('table', { name: 'Largest groups' }).locator('tbody tr').first();
  expect(await first.locator('td').first().innerText()).toBe(top?.['src_addr']);
  expect(await first.locator('td').nth(1).locator('span').first().getAttribute('title')).toContain(exact(Number(top?.['bps'])));
  await shoot(page, 'analysis-channels-desktop-light');

  // One channel alone, and its records.
  await page.getByRole('group', { name: 'Channels' }).getByRole('button', { name: 'asked' }).click();
  await page.waitForURL((url) => url.searchParams.get('channel') === 'asked');
  await expect.poll(() => page.getByRole('table', { name: 'Legend' }).locator('tbody tr').count()).toBe(1);
  await page.getByRole('button', { name: 'Records' }).click();
  await settled(page);
  const records = await service.query('dst port 443', '--limit', '100', ...fed.span);
  await expect.poll(() => page.getByRole('table', { name: 'Records' }).locator('tbody tr').count()).toBe(records.length);
  // The address shows the same to somebody else.
  const other = await open(new URL(page.url()).pathname + new URL(page.url()).search);
  await settled(other);
  expect(await other.getByRole('table', { name: 'Legend' }).innerText()).toBe(await page.getByRole('table', { name: 'Legend' }).innerText());
});

test('a profile is changed, told when somebody else was quicker, and removed', async () => {
  const one = await open('/profiles');
  await settled(one);
  await one.getByRole('button', { name: 'New profile' }).click();
  const form = one.getByRole('dialog', { name: 'New profile' });
  await form.getByLabel('Name', { exact: true }).fill('Names');
  await form.getByLabel('Name of channel 1').fill('DNS');
  await form.getByRole('combobox', { name: 'Filter of channel 1' }).fill('port 53');
  await form.getByRole('button', { name: 'Kept' }).click();
  await form.getByRole('button', { name: 'Make the profile' }).click();
  await one.getByRole('article', { name: 'Names' }).getByText('stored').waitFor();

  const two = await open('/profiles');
  await settled(two);
  await one.getByRole('button', { name: 'Edit Names' }).click();
  await two.getByRole('button', { name: 'Edit Names' }).click();
  await one.getByRole('dialog', { name: 'Edit Names' }).getByLabel('Description').fill('first');
  await one.getByRole('dialog', { name: 'Edit Names' }).getByRole('button', { name: 'Save' }).click();
  await one.getByRole('article', { name: 'Names' }).getByText('first').waitFor();
  await two.getByRole('dialog', { name: 'Edit Names' }).getByLabel('Description').fill('second');
  await two.getByRole('dialog', { name: 'Edit Names' }).getByRole('button', { name: 'Save', exact: true }).click();
  const conflict = two.getByRole('dialog', { name: 'Somebody else changed this profile' });
  await conflict.getByRole('button', { name: 'Show theirs' }).click();
  await expect.poll(() => two.getByRole('dialog', { name: 'Edit Names' }).getByLabel('Description').inputValue()).toBe('first');
  await two.getByRole('dialog', { name: 'Edit Names' }).getByLabel('Description').fill('second');
  await two.getByRole('dialog', { name: 'Edit Names' }).getByRole('button', { name: 'Save', exact: true }).click();
  await two.getByRole('article', { name: 'Names' }).getByText('second').waitFor();
  await two.getByRole('button', { name: 'Delete Names' }).click();
  await two.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await expect.poll(() => two.getByRole('article', { name: 'Names' }).count()).toBe(0);
});

test('four answers make the profile and the dashboard of a service', async () => {
  const page = await open('/profiles');
  await settled(page);
  await page.getByRole('button', { name: 'Service behind a load balancer' }).click();
  const form = page.getByRole('dialog', { name: 'A service behind a load balancer' });
  await form.getByLabel('Name', { exact: true }).fill('shop');
  await form.getByLabel('Address that clients ask').fill('203.0.113.10');
  await form.getByLabel('Asks servers from').fill('198.51.100.23');
  await form.getByLabel('Name of server 1').fill('web1');
  await form.getByLabel('Address of server 1').fill('203.0.113.80');
  await form.getByLabel('Port of server 1').fill('443');
  await form.getByRole('button', { name: 'Add server' }).click();
  await form.getByLabel('Address of server 2').fill('198.51.100.9');
  expect(await serious(page)).toEqual([]);
  await shoot(page, 'service-form-desktop-light');
  await form.getByRole('button', { name: 'Make profile and dashboard' }).click();
  await page.waitForURL((url) => url.pathname === '/dashboards' && url.searchParams.has('dashboard'));
  await settled(page);
  expect(await page.getByRole('region', { name: /.+/ }).count()).toBeGreaterThan(1);
  await shoot(page, 'service-dashboard-desktop-light');
  await page.goto(`${service.url}/profiles`);
  const made = page.getByRole('article', { name: 'shop' });
  await made.waitFor();
  for (const channel of ['client side', 'server side', 'web1', '198.51.100.9']) await made.getByText(channel, { exact: true }).waitFor();
});
