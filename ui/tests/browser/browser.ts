// Debian's Chromium, and what each page has to hold whatever it shows: nothing refused by its policy, nothing wrong in its console.
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core';
import { expect } from 'vitest';

const shots = join(import.meta.dirname, '../shots');
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

export const DESKTOP: BrowserContextOptions = { viewport: { width: 1440, height: 900 } };
export const PHONE: BrowserContextOptions = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };

export async function launch(): Promise<Browser> {
  const known = [process.env['CHROMIUM'], '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
  const executablePath = known.find((path) => path && existsSync(path));
  if (!executablePath) throw new Error('no Chromium: install it (Debian: apt-get install chromium), or say where it is in CHROMIUM');
  mkdirSync(shots, { recursive: true });
  // Containers mostly run as root, where Chromium has no sandbox.
  return chromium.launch({ executablePath, args: ['--no-sandbox'] });
}

/** A page, and what went wrong in it so far. */
export type Opened = { page: Page; wrong: string[]; close: () => Promise<void> };

/** Opens an address; refusals that a test provokes are its own affair. */
export async function open(browser: Browser, url: string, options: BrowserContextOptions = DESKTOP): Promise<Opened> {
  const context = await browser.newContext({ timezoneId: 'Europe/Prague', locale: 'en-GB', ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  const wrong: string[] = [];
  page.on('console', (message) => {
    const provoked = message.text().startsWith('Failed to load resource');
    if (['error', 'warning'].includes(message.type()) && !provoked) wrong.push(message.text());
  });
  page.on('pageerror', (error) => wrong.push(String(error)));
  page.on('dialog', (dialog) => {
    wrong.push(`a dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  await page.goto(url);
  return { page, wrong, close: () => context.close() };
}

/** Waits until nothing on the page is being fetched for the first time, and charts are drawn. */
export async function settled(page: Page): Promise<void> {
  await page.locator('main h1').waitFor();
  await expect.poll(() => page.locator('.waiting').count(), { timeout: 30_000 }).toBe(0);
  await expect.poll(() => page.locator('[role=img]:not(:has(canvas))').count(), { timeout: 30_000 }).toBe(0);
}

/** Findings of axe-core that are serious or worse. */
export async function serious(page: Page): Promise<string[]> {
  // Not by a script element, which the policy refuses.
  await page.evaluate(axe);
  const findings = await page.evaluate(async () => {
    type Axe = { run: () => Promise<{ violations: { id: string; impact: string; nodes: { html: string; failureSummary: string }[] }[] }> };
    const { violations } = await (globalThis as unknown as { axe: Axe }).axe.run();
    return violations
      .filter(({ impact }) => ['serious', 'critical'].includes(impact))
      .map(({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => `${html.slice(0, 160)} ${failureSummary}`).join(' | ')}`);
  });
  return findings;
}

export async function shoot(page: Page, name: string): Promise<void> {
  await page.screenshot({ path: join(shots, `${name}.png`), fullPage: true });
}
