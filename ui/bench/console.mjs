// How fast the console is with a full store: node console.mjs WHAT URL TOKEN [SECONDS], of which WHAT is paint, widgets, questions, viewers or memory.
//
// Run by scripts/bench-console.sh. Pages are opened in Debian's Chromium; widgets and questions are asked for over HTTP as the pages do.
import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';

const [what, url, token, seconds = '60'] = process.argv.slice(2);
const headers = { authorization: `Bearer ${token}` };
const DAY = 'last=1d';
/** What the pages ask for meanwhile: the newest hundredth. */
const FIRST_LOOK = 'last=15m';

const at = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
const tell = (name, times, unit = 'ms') => {
  const sorted = [...times].sort((one, two) => one - two);
  const [middle, late, last] = [0.5, 0.95, 1].map((share) => Math.round(at(sorted, share)));
  console.log(`${name.padEnd(44)} ${String(middle).padStart(6)} ${String(late).padStart(6)} ${String(last).padStart(6)} ${unit}  of ${sorted.length}`);
};
const head = () => console.log(`${''.padEnd(44)} ${'p50'.padStart(6)} ${'p95'.padStart(6)} ${'max'.padStart(6)}`);

/** Asks; gives milliseconds until the end. */
async function ask(path) {
  const begun = performance.now();
  const response = await fetch(`${url}${path}`, { headers });
  const body = await response.text();
  if (!response.ok) throw new Error(`${path}: ${response.status} ${body.slice(0, 200)}`);
  return { all: performance.now() - begun, body };
}

const list = async (path) => JSON.parse((await ask(path)).body);

async function readyMade() {
  const ids = ['overview', 'performance', 'applications', 'sources', 'security'];
  const boards = (await list('/api/v1/dashboards')).items.filter(({ id }) => ids.includes(id));
  return boards.map((board) => ({ id: board.id, chapters: board.object.widgets.map(({ chapter }) => chapter) }));
}

async function launch() {
  const executablePath = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/google-chrome'].find((path) => path && existsSync(path));
  return chromium.launch({ executablePath, args: ['--no-sandbox'] });
}

async function paint() {
  const browser = await launch();
  head();
  for (const page of ['/', '/sources', '/analysis', '/profiles', '/status', ...(await readyMade()).map(({ id }) => `/dashboards?dashboard=${id}`)]) {
    const [painted, settled] = [[], []];
    for (let round = 0; round < 5; round += 1) {
      const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, extraHTTPHeaders: headers });
      const opened = await context.newPage();
      const begun = performance.now();
      await opened.goto(`${url}${page}`);
      await opened.locator('main h1').waitFor();
      await opened.waitForFunction(() => !document.querySelector('.waiting') && !document.querySelector('[role=img]:not(:has(canvas))'));
      settled.push(performance.now() - begun);
      painted.push(await opened.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0].startTime));
      await context.close();
    }
    tell(`first paint ${page}`, painted);
    tell(`all drawn   ${page}`, settled);
  }
  await browser.close();
}

async function widgets() {
  const boards = await readyMade();
  for (const [time, rounds] of [['last=1h', 10], ['last=6h', 5], [DAY, 3]]) {
    console.log(`-- ${time}`);
    head();
    const all = [];
    for (const { id, chapters } of boards) {
      for (const chapter of chapters) {
        const times = [];
        for (let round = 0; round < rounds; round += 1) times.push((await ask(`/api/v1/chapters/${chapter}/data?${time}`)).all);
        tell(`${id}: ${chapter}`, times);
        all.push(...times);
      }
    }
    tell('all widgets', all);
  }
}

async function questions() {
  const asked = {
    'top 10 sources of web': 'filter=dst_port = 443 and packets > 3&by=src_addr&top=10',
    'top 10 by four keys': 'by=src_addr,dst_addr,protocol,dst_port&top=10',
    'large flows over time by port': 'filter=bytes > 100000&by=dst_port&top=5&series=10m',
    'records of a port': 'filter=dst_port = 1935&limit=100',
    'records of a frequent host': 'filter=ip 10.0.3.232&limit=100',
    'records of a rare host': 'filter=ip 198.19.13.37&limit=100',
    'records of a host that is nowhere': 'filter=ip 203.0.113.9&limit=100',
  };
  head();
  for (const [name, question] of Object.entries(asked)) {
    const [first, all] = [[], []];
    for (let round = 0; round < 5; round += 1) {
      // As a page does: the first look is asked for beside the whole.
      const whole = ask(`/api/v1/query?${encodeURI(question)}&${DAY}`);
      await new Promise((wake) => setTimeout(wake, 100));
      const [early, late] = await Promise.all([ask(`/api/v1/query?${encodeURI(question)}&${FIRST_LOOK}`), whole]);
      first.push(Math.min(early.all + 100, late.all));
      all.push(late.all);
    }
    tell(`${name}: something is shown`, first);
    tell(`${name}: complete`, all);
  }
}

async function viewers() {
  const boards = await readyMade();
  const until = performance.now() + Number(seconds) * 1000;
  const times = [];
  let refused = 0;
  const view = async (number) => {
    await new Promise((wake) => setTimeout(wake, number * 250));
    for (let round = number; performance.now() < until; round += 1) {
      const { chapters } = boards[round % boards.length];
      await Promise.all(
        chapters.map((chapter) =>
          ask(`/api/v1/chapters/${chapter}/data?last=1h`).then(
            ({ all }) => times.push(all),
            (error) => {
              refused += 1;
              if (refused < 4) console.log(String(error));
            },
          ),
        ),
      );
      await new Promise((wake) => setTimeout(wake, 5_000));
    }
  };
  await Promise.all(Array.from({ length: 20 }, (_, number) => view(number)));
  head();
  tell('widgets of 20 viewers', times);
  console.log(`refused or failed: ${refused}`);
}

async function memory() {
  const browser = await launch();
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, extraHTTPHeaders: headers });
  const page = await context.newPage();
  await page.goto(`${url}/`);
  await page.locator('main h1').waitFor();
  const devtools = await context.newCDPSession(page);
  await devtools.send('Performance.enable');
  for (let passed = 0; passed <= Number(seconds); passed += 60) {
    await new Promise((wake) => setTimeout(wake, passed === 0 ? 15_000 : 60_000));
    await devtools.send('HeapProfiler.collectGarbage');
    const { metrics } = await devtools.send('Performance.getMetrics');
    const of = (name) => metrics.find((metric) => metric.name === name).value;
    console.log(`after ${String(passed).padStart(4)} s: ${(of('JSHeapUsedSize') / 1048576).toFixed(1)} MiB of script, ${of('Nodes')} nodes, ${of('JSEventListeners')} listeners`);
  }
  await browser.close();
}

await { paint, widgets, questions, viewers, memory }[what]();
