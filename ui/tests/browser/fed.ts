// A service that has received real flow export, a browser, and pages of the console in it, for all tests of a file.
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { DESKTOP, PHONE, launch, open as openPage, type Opened } from './browser';
import { Service, ipfix, real, samples, until } from './service';

export const HOSTILE = '<img src=x onerror=alert(3)>"\' or any # <script>alert(4)</script>';
const SAMPLES = ['netflow5', 'netflow9', 'ipfix', 'sflow', 'fastnetmon'];
const REAL = ['netflow9/cisco_asa_1.pcap', 'ipfix/netscaler.pcap', 'sflow/pmacctd_made_sflow_sampled16.pcap'];

/** Screens and themes in which every page is looked at. */
export const LOOKS = [
  ['desktop-light', { ...DESKTOP, colorScheme: 'light' }],
  ['desktop-dark', { ...DESKTOP, colorScheme: 'dark' }],
  ['phone-light', { ...PHONE, colorScheme: 'light' }],
  ['phone-dark', { ...PHONE, colorScheme: 'dark' }],
] as const;

export const search = (address: string): URLSearchParams => new URL(address).searchParams;

export class Fed {
  readonly service = new Service();
  browser!: Browser;
  /** A range that holds all that was sent, and changes no more; as the address has it, and the command line. */
  range = '';
  span: string[] = [];
  #opened: Opened[] = [];

  constructor() {
    beforeAll(() => this.#start());
    afterAll(async () => {
      await this.browser?.close();
      await this.service.close();
    });
    afterEach(async () => {
      const all = this.#opened;
      this.#opened = [];
      for (const { close } of all) await close();
      for (const { wrong } of all) expect(wrong).toEqual([]);
    });
  }

  async #start(): Promise<void> {
    await this.service.start();
    const from = Date.now() - 600_000;
    for (const name of SAMPLES) await this.service.replay(`${samples}/${name}.pcap`);
    for (const path of REAL.map(real)) if (path) await this.service.replay(path);
    await this.service.meter(`${samples}/packets.pcap`);
    await this.service.send(ipfix(HOSTILE, HOSTILE), '127.0.0.9');
    // What was sent is in the answers when their number rests.
    let before = -1;
    await until('records that rest', async () => {
      const now = await this.service.records();
      const rests = now > 0 && now === before;
      before = now;
      if (!rests) await new Promise((wake) => setTimeout(wake, 500));
      return rests;
    });
    const text = (moment: number): string => new Date(Math.floor(moment / 1000) * 1000).toISOString().replace('.000', '');
    this.span = ['--from', text(from), '--to', text(Date.now() + 2_000)];
    this.range = new URLSearchParams({ from: this.span[1]!, to: this.span[3]! }).toString();
    this.browser = await launch();
  }

  /** Opens a page of the console, as whoever runs the service; `stranger` has nothing but the page. */
  async open(path: string, options: BrowserContextOptions = DESKTOP, stranger = false): Promise<Page> {
    const found = await openPage(this.browser, this.service.url + path, { ...options, ...(stranger ? {} : { extraHTTPHeaders: this.service.local() }) });
    this.#opened.push(found);
    return found.page;
  }
}
