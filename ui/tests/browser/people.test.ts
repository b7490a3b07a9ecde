// People: who signs in, what they may do, and what of the data they see.
import { expect, test } from 'vitest';
import { exact } from '../../src/view/format';
import { DESKTOP, PHONE, serious, settled, shoot } from './browser';
import { Fed } from './fed';

const fed = new Fed();
const { service } = fed;
const PASSWORD = 'a long enough password';

async function enter(path: string, name: string, password = PASSWORD): Promise<Awaited<ReturnType<Fed['open']>>> {
  const page = await fed.open(path, DESKTOP, true);
  await page.getByLabel('Name').fill(name);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('navigation', { name: 'Pages' }).waitFor();
  return page;
}

test('a new service asks for its first user', async () => {
  const page = await fed.open('/', DESKTOP, true);
  await page.getByRole('heading', { name: 'Set up' }).waitFor();
  expect(await serious(page)).toEqual([]);
  await shoot(page, 'set-up-desktop-light');
  const phone = await fed.open('/', { ...PHONE, colorScheme: 'dark' }, true);
  await phone.getByRole('heading', { name: 'Set up' }).waitFor();
  await shoot(phone, 'set-up-phone-dark');
  await page.getByLabel('Code').fill('not the code');
  await page.getByLabel('Name').fill('root');
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await page.getByLabel('Password again').fill('another password');
  await page.getByText('The passwords differ.').waitFor();
  await page.getByLabel('Password again').fill(PASSWORD);
  await page.getByRole('button', { name: 'Begin' }).click();
  await page.getByRole('alert').waitFor();
  expect(await page.getByRole('heading', { name: 'Set up' }).count()).toBe(1);
});

test('who is nobody signs in, and goes on where they wanted to go', async () => {
  await service.addUser('ann', PASSWORD, '--role', 'admin');
  const stranger = await fed.open(`/analysis?filter=udp&${fed.range}`, DESKTOP, true);
  await stranger.getByRole('heading', { name: 'Sign in' }).waitFor();
  expect(await stranger.getByRole('navigation').count()).toBe(0);
  expect(await serious(stranger)).toEqual([]);
  await shoot(stranger, 'sign-in-desktop-light');
  await stranger.getByLabel('Name').fill('ann');
  await stranger.getByLabel('Password').fill('a wrong password');
  await stranger.getByRole('button', { name: 'Sign in' }).click();
  await stranger.getByRole('alert').waitFor();
  await stranger.getByLabel('Password').fill(PASSWORD);
  await stranger.getByRole('button', { name: 'Sign in' }).click();
  await stranger.getByRole('navigation', { name: 'Pages' }).waitFor();
  await settled(stranger);
  expect(await stranger.getByRole('combobox', { name: 'Filter' }).inputValue()).toBe('udp');
  // Nothing that scripts can read says who it is.
  expect(await stranger.evaluate(() => document.cookie)).toBe('');
  await stranger.goto(`${service.url}/settings`);
  await stranger.getByRole('button', { name: 'Sign out' }).click();
  await stranger.getByRole('heading', { name: 'Sign in' }).waitFor();
  await stranger.goto(`${service.url}/`);
  await stranger.getByRole('heading', { name: 'Sign in' }).waitFor();
});

test('a session that ends while a page is open asks again', async () => {
  const page = await enter('/sources', 'ann');
  await settled(page);
  await page.context().clearCookies();
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
});

test('a restart of the service ends sessions: the page asks again, and goes on where it was', async () => {
  const page = await enter('/sources?as=table&find=127', 'ann');
  await settled(page);
  await service.stop();
  await page.getByText('The service does not answer.').waitFor();
  await service.start();
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  expect(await page.getByRole('navigation').count()).toBe(0);
  await shoot(page, 'sign-in-again-desktop-light');
  await page.getByLabel('Name').fill('ann');
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { name: 'Sources', level: 1 }).waitFor();
  expect(new URL(page.url()).search).toBe('?as=table&find=127');
});

test('who sees a part of the data, or is no analyst, sees how complete it is', async () => {
  await service.addUser('vic', PASSWORD, '--role', 'viewer');
  await service.addUser('lim', PASSWORD, '--role', 'viewer', '--filter', 'port 53');
  for (const name of ['vic', 'lim']) {
    const page = await enter(`/?${fed.range}`, name);
    await settled(page);
    await page.locator('p.keys', { hasText: 'complete' }).first().waitFor();
    await page.goto(`${service.url}/dashboards?dashboard=overview&${fed.range}`);
    await settled(page);
    await page.locator('p.keys', { hasText: 'complete' }).first().waitFor();
  }
});

test('users are added with limits, which hold on every page', async () => {
  const page = await enter('/settings?tab=users', 'ann');
  await settled(page);
  await page.getByRole('button', { name: 'Add user' }).click();
  const form = page.getByRole('dialog', { name: 'Add user' });
  await form.getByLabel('Name', { exact: true }).fill('bob');
  await form.getByLabel('Password').fill(PASSWORD);
  await form.getByRole('combobox', { name: 'Records that the user sees' }).fill('dst prot 53');
  await form.getByRole('button', { name: 'Add', exact: true }).click();
  await form.getByRole('alert').getByText('did you mean').waitFor();
  await form.getByRole('combobox', { name: 'Records that the user sees' }).fill('port 53');
  await form.getByRole('combobox', { name: 'Columns that are hidden from the user' }).fill('dns_name');
  expect(await serious(page)).toEqual([]);
  await shoot(page, 'user-form-desktop-light');
  await form.getByRole('button', { name: 'Add', exact: true }).click();
  await page.getByRole('table', { name: 'Users' }).getByText('port 53 · without dns_name').waitFor();

  const limited = await enter(`/analysis?by=dst_port&${fed.range}`, 'bob');
  await settled(limited);
  const rows = limited.getByRole('table', { name: 'Largest groups' }).locator('tbody tr');
  const seen = await service.query('port 53', '--by', 'dst_port', '--top', '10', '--measures', 'bps', ...fed.span);
  await expect.poll(() => rows.count()).toBe(seen.length);
  expect(await rows.first().locator('td').nth(1).locator('span').first().getAttribute('title')).toContain(exact(Number(seen[0]?.['bps'])));
  // A viewer makes nothing, and nothing of the service's insides is shown to who does not see all.
  expect(await limited.getByRole('button', { name: 'Save as chapter' }).count()).toBe(0);
  await limited.goto(`${service.url}/profiles`);
  await settled(limited);
  expect(await limited.getByRole('button', { name: 'New profile' }).count()).toBe(0);
  await limited.goto(`${service.url}/settings`);
  await limited.getByText('records that match').waitFor();
  expect(await limited.getByRole('button', { name: 'Users' }).count()).toBe(0);
  for (const path of ['/', '/dashboards?dashboard=overview', '/sources', '/status']) {
    await limited.goto(`${service.url}${path}${path.includes('?') ? '&' : '?'}${fed.range}`);
    await settled(limited);
    await shoot(limited, `limited-${path.split(/\W+/)[1] || 'overview'}-desktop-light`);
  }
  await limited.goto(`${service.url}/analysis?by=dns_name&${fed.range}`);
  await limited.getByText('hidden from you').first().waitFor();
});

test('a token is shown once, works, and is revoked; the audit tells', async () => {
  const page = await enter('/settings?tab=tokens', 'ann');
  await settled(page);
  await page.getByLabel('Name of the token').fill('grafana');
  await page.getByRole('button', { name: 'Make a token' }).click();
  const token = await page.getByRole('region', { name: 'Token', exact: true }).innerText();
  const asks = async (): Promise<number> => (await fetch(`${service.url}/api/v1/sources`, { headers: { authorization: `Bearer ${token}` } })).status;
  expect(await asks()).toBe(200);
  expect(await serious(page)).toEqual([]);
  await page.reload();
  await settled(page);
  expect(await page.getByText(token).count()).toBe(0);
  await page.getByRole('button', { name: 'Revoke grafana' }).click();
  await expect.poll(() => page.getByRole('table', { name: 'Tokens' }).count()).toBe(0);
  expect(await asks()).toBe(401);
  await page.goto(`${service.url}/settings?tab=audit`);
  await settled(page);
  await page.getByRole('table', { name: 'Audit' }).getByText('/api/v1/tokens').first().waitFor();
  await shoot(page, 'audit-desktop-light');
});
