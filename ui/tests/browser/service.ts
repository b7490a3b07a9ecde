// A running service of its own for tests: `weir run` in a folder that goes away, fed by `weir replay` and `weir meter` with captures, asked by the command line.
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { preview } from 'vite';

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '../../..');
export const samples = join(root, 'crates/weir/samples');

/** The program: that of `WEIR_BIN`, or the latest build in the target folder. */
export function program(): string {
  const target = process.env['CARGO_TARGET_DIR'] ?? join(root, 'target');
  const found = [process.env['WEIR_BIN'], join(target, 'release/weir'), join(target, 'debug/weir')].find((path) => path && existsSync(path));
  if (!found) throw new Error('no weir was built: cargo build --package weir, or say where it is in WEIR_BIN');
  return found;
}

/** Captures of real exporters that are not in this repository; undefined where they are not there. */
export function real(capture: string): string | undefined {
  const shared = process.env['WEIR_SHARED'] ?? join(root, '../shared');
  const path = join(shared, 'captures', capture);
  if (existsSync(path)) return path;
  console.log(`skipped: no ${capture} in ${shared}`);
  return undefined;
}

/** Waits until something is the case, which it has to be soon. */
export async function until<T>(what: string, work: () => Promise<T | undefined | false>, patience = 60_000): Promise<T> {
  const begun = Date.now();
  for (;;) {
    const found = await work();
    if (found) return found;
    if (Date.now() - begun > patience) throw new Error(`waited in vain: ${what}`);
    await new Promise((wake) => setTimeout(wake, 50));
  }
}

/** A port of UDP that nobody has. */
async function freePort(): Promise<number> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(resolve));
  return port;
}

export class Service {
  readonly folder = mkdtempSync(join(tmpdir(), 'weir-ui-'));
  readonly config = join(this.folder, 'weir.toml');
  readonly #program = program();
  #process: ChildProcess | undefined;
  #console = '127.0.0.1:0';
  /** Where flow export is received. A listener has a port of its own, so one is taken that is free now. */
  listener = '';
  /** Where the console is. */
  url = '';

  readonly #sections: string;

  /** With further sections of its configuration. */
  constructor(sections = '') {
    this.#sections = sections;
  }

  /** Starts it; again at the same address after `stop`. */
  async start(): Promise<void> {
    this.listener ||= `127.0.0.1:${await freePort()}`;
    const hostile = '<img src=x onerror=alert(1)>';
    writeFileSync(
      this.config,
      `[listen.flow]
url = "udp://${this.listener}"

[source.hostile]
match = "127.0.0.9"
name = "${hostile}"
group = "<script>alert(2)</script>"

[store]
path = "${join(this.folder, 'store')}"

[console]
listen = "${this.#console}"

${this.#sections}`,
    );
    const started = spawn(this.#program, ['run', '-c', this.config], { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#process = started;
    let log = '';
    started.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()));
    const said = (what: RegExp) => async (): Promise<string | undefined> => {
      if (started.exitCode !== null) throw new Error(`the service ended:\n${log}`);
      // eslint-disable-next-line no-control-regex
      return what.exec(log.replace(/\u001b\[[0-9;]*m/g, ''))?.[1];
    };
    this.#console = await until('a console', said(/INFO answering over HTTP address=(\S+)/));
    this.url = process.env['WEIR_UI_PREVIEW'] ? await this.#preview() : `http://${this.#console}`;
    // The command line asks where the configuration says.
    writeFileSync(this.config, readFileSync(this.config, 'utf8').replace(/listen = "[^"]*"/, `listen = "${this.#console}"`));
  }

  /** With `WEIR_UI_PREVIEW` set: the console as it was built last, in place of the one in the program. Its headers are not those of the service. */
  async #preview(): Promise<string> {
    const target = `http://${this.#console}`;
    // The service compares where a page comes from with the host that it asks.
    const proxy = Object.fromEntries(['/api', '/healthz', '/metrics'].map((path) => [path, { target, changeOrigin: false }]));
    const server = await preview({ root: join(root, 'ui'), logLevel: 'silent', preview: { port: 0, host: '127.0.0.1', proxy } });
    return (server.resolvedUrls?.local[0] ?? '').replace(/\/$/, '');
  }

  /** What a request of whoever runs the service carries. */
  local(): Record<string, string> {
    return { authorization: `Bearer ${readFileSync(join(this.folder, 'store/console/local.token'), 'utf8').trim()}` };
  }

  /** Adds a user, with options as the command line has them. */
  async addUser(name: string, password: string, ...options: string[]): Promise<void> {
    const adding = run(this.#program, ['user', 'add', name, ...options, '-c', this.config]);
    adding.child.stdin?.end(`${password}\n`);
    await adding;
  }

  async stop(): Promise<void> {
    const stopped = this.#process;
    this.#process = undefined;
    if (!stopped || stopped.exitCode !== null) return;
    const ended = new Promise((resolve) => stopped.once('exit', resolve));
    stopped.kill('SIGTERM');
    await ended;
  }

  async close(): Promise<void> {
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Runs a command that asks this service; gives what it prints. */
  async weir(...words: string[]): Promise<string> {
    const { stdout } = await run(this.#program, [...words, '-c', this.config], { maxBuffer: 64 << 20 });
    return stdout;
  }

  /** The rows of `weir query`. */
  async query(...words: string[]): Promise<Record<string, string | number>[]> {
    const lines = (await this.weir('query', ...words, '--format', 'json')).trim().split('\n');
    return lines.filter(Boolean).map((line) => JSON.parse(line) as Record<string, string | number>);
  }

  /** Runs a line as the console shows it, in a shell. */
  async shell(line: string): Promise<Record<string, string | number>[]> {
    const command = line.replace(/^weir /, `${this.#program} `);
    const { stdout } = await run('/bin/sh', ['-c', `${command} -c ${this.config} --format json`], { maxBuffer: 64 << 20 });
    return stdout.trim().split('\n').filter(Boolean).map((line) => JSON.parse(line) as Record<string, string | number>);
  }

  async replay(capture: string, ...options: string[]): Promise<void> {
    await run(this.#program, ['replay', capture, '--to', `udp://${this.listener}`, '--rate', '500', ...options]);
  }

  async meter(capture: string): Promise<void> {
    await run(this.#program, ['meter', '-r', capture, '--export', `udp://${this.listener}`, '--format', 'none']);
  }

  /** A meter that goes on: the packets of a capture come again and again, now, and what it meters leaves from an address of the loopback network. Gives what kills it. */
  meterOn(capture: string, from: string): () => Promise<void> {
    const words = ['meter', '-r', '-', '--active-timeout', '1s', '--inactive-timeout', '1s', '--format', 'none'];
    const meter = spawn(this.#program, [...words, '--export', `udp://${this.listener}?source=${from}`], { stdio: ['pipe', 'ignore', 'ignore'] });
    // It may be killed while it is written to.
    meter.stdin.on('error', () => undefined);
    const file = readFileSync(capture);
    meter.stdin.write(file.subarray(0, PCAP_HEADER));
    const feeding = setInterval(() => meter.stdin.write(packetsOfNow(file)), 200);
    return async () => {
      clearInterval(feeding);
      const ended = new Promise((resolve) => meter.once('exit', resolve));
      meter.kill('SIGKILL');
      await ended;
    };
  }

  /** Sends one datagram from an address of the loopback network. */
  async send(datagram: Buffer, from: string): Promise<void> {
    const socket = createSocket('udp4');
    const [host, port] = this.listener.split(':');
    await new Promise<void>((resolve) => socket.bind(0, from, resolve));
    await new Promise<void>((resolve, reject) => socket.send(datagram, Number(port), host, (error) => (error ? reject(error) : resolve())));
    socket.close();
  }

  /** What the service holds now, of records of every kind that counts. */
  async records(): Promise<number> {
    const response = await fetch(`${this.url}/api/v1/query?summary=true`, { headers: this.local() });
    return ((await response.json()) as { records: number }).records;
  }
}

const PCAP_HEADER = 24;

/** The packets of a capture (pcap, nanoseconds, little end first) as if they came now. */
function packetsOfNow(file: Buffer): Buffer {
  const packets = Buffer.from(file.subarray(PCAP_HEADER));
  const now = Date.now();
  for (let at = 0; at < packets.length; at += 16 + packets.readUInt32LE(at + 8)) {
    packets.writeUInt32LE(Math.floor(now / 1000), at);
    packets.writeUInt32LE((now % 1000) * 1_000_000, at + 4);
  }
  return packets;
}

/** An IPFIX message (RFC 7011) with one record whose texts an exporter chose: an HTTP host and the name of an interface. */
export function ipfix(host: string, interfaceName: string): Buffer {
  const text = (value: string): Buffer => {
    const octets = Buffer.from(value);
    return Buffer.concat([Buffer.from([octets.length]), octets]);
  };
  const words = (...numbers: number[]): Buffer => Buffer.from(numbers.flatMap((number) => [number >> 8, number & 0xff]));
  // sourceIPv4Address, destinationIPv4Address, protocolIdentifier, octetDeltaCount, packetDeltaCount, httpRequestHost, interfaceName
  const fields = [8, 4, 12, 4, 4, 1, 1, 4, 2, 4, 460, 65535, 82, 65535];
  const template = Buffer.concat([words(2, 8 + fields.length * 2, 256, fields.length / 2), words(...fields)]);
  const record = Buffer.concat([Buffer.from([198, 51, 100, 7, 203, 0, 113, 9, 6, 0, 0, 5, 220, 0, 0, 0, 1]), text(host), text(interfaceName)]);
  const data = Buffer.concat([words(256, 4 + record.length), record]);
  const header = Buffer.alloc(16);
  header.writeUInt16BE(10, 0);
  header.writeUInt16BE(16 + template.length + data.length, 2);
  header.writeUInt32BE(Math.floor(Date.now() / 1000), 4);
  header.writeUInt32BE(0, 8);
  header.writeUInt32BE(9, 12);
  return Buffer.concat([header, template, data]);
}
