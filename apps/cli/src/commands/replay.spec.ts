import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { gunzipSync, gzipSync } from 'node:zlib';
import { Command } from 'commander';
import type { CommandIo } from '../replay/failure.js';
import { registerReplay } from './replay.js';
import { registerSend } from './send.js';

type Event = { event_id: string; timestamp: string; service?: string; [field: string]: unknown };

const NOW = Date.UTC(2026, 5, 15, 12);
let dir: string;
let server: Server;
let dsn: string;
let requests: Event[][];
let refuse: { status: number; body: object } | undefined;

beforeEach(async () => {
  requests = [];
  refuse = undefined;
  dir = await mkdtemp(path.join(tmpdir(), 'errata-cli-'));
  server = createServer((request, response) => {
    void buffer(request).then((body) => {
      const { events } = JSON.parse(gunzipSync(body).toString()) as { events: Event[] };
      requests.push(events);
      response.statusCode = refuse?.status ?? 202;
      response.end(
        JSON.stringify(refuse?.body ?? { accepted: events.length, rejected: [], request_id: 'r1' }),
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  dsn = `http://k1@127.0.0.1:${port}/1`;
  await mkdir(path.join(dir, '.errata'));
  await writeFile(
    path.join(dir, '.errata/ready.json'),
    JSON.stringify({ url: 'http://unused', dsn, pid: 1 }),
  );
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(dir, { recursive: true });
});

async function errata(args: string[], stdin = '', env: Record<string, string> = {}) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  let code = 0;
  let clock = NOW;
  const io: CommandIo = {
    stdin: Readable.from([Buffer.from(stdin)]),
    stdout,
    stderr,
    env,
    cwd: dir,
    now: () => (clock += 1),
    random: () => 0,
    setExitCode: (value) => {
      code = value;
    },
  };
  const program = new Command()
    .exitOverride()
    .configureOutput({ writeErr: (text) => void stderr.write(text) });
  registerReplay(program, io);
  registerSend(program, io);
  for (const command of program.commands) command.exitOverride().configureOutput(program.configureOutput());
  await program.parseAsync(['node', 'errata', ...args]).catch(() => (code = 1));
  stdout.end();
  stderr.end();
  return { code, out: (await buffer(stdout)).toString(), err: (await buffer(stderr)).toString() };
}

const LOG = [
  '192.0.2.1 - - [17/May/2015:10:00:00 +0000] "GET /ok HTTP/1.1" 200 5 "-" "curl"',
  '192.0.2.1 - - [17/May/2015:11:00:00 +0000] "GET /gone?key=1 HTTP/1.1" 404 5 "-" "curl"',
  'garbage',
  '',
  '192.0.2.2 - - [18/May/2015:11:00:00 +0000] "GET /gone?key=1 HTTP/1.1" 404 5 "-" "curl"',
  '192.0.2.2 - - [18/May/2015:13:00:00 +0000] "GET /moved HTTP/1.1" 301 5 "-" "curl"',
  '192.0.2.2 - - [18/May/2015:12:00:00 +0000] "POST /pay HTTP/1.1" 500 5 "-" "curl"',
].join('\n');

async function file(name: string, content: string | Buffer): Promise<string> {
  await writeFile(path.join(dir, name), content);
  return path.join(dir, name);
}

describe('errata replay', () => {
  it('sends the errors of a gzipped access log to the running instance and adds up', async () => {
    const { code, out, err } = await errata(['replay', await file('a.gz', gzipSync(LOG)), '--json']);
    expect([code, err]).toEqual([0, '']);
    expect(JSON.parse(out)).toMatchObject({
      dry_run: false,
      shift_days: 0,
      lines: 6,
      events: 3,
      skipped: 2,
      unparseable: 1,
      unparseable_lines: [3],
      sent: 3,
      accepted: 3,
      rejected: 0,
      by_status: { 404: 2, 500: 1 },
    });
    expect(requests).toHaveLength(1);
    expect(requests[0]?.[0]).toMatchObject({
      timestamp: '2015-05-17T11:00:00.000Z',
      service: 'access-log',
      http: { method: 'GET', route: '/gone', status: 404 },
    });
    expect(JSON.stringify(requests)).not.toContain('192.0.2');
  });

  it('shifts by whole days so that the newest line, error or not, is of the last 24 hours', async () => {
    const { out } = await errata(['replay', await file('a.log', LOG), '--shift-to-now', '--json']);
    // The newest line is of 13:00, which today is still to come at noon.
    expect(requests[0]?.map((event) => event.timestamp)).toEqual([
      '2026-06-13T11:00:00.000Z',
      '2026-06-14T11:00:00.000Z',
      '2026-06-14T12:00:00.000Z',
    ]);
    expect((JSON.parse(out) as { shift_days: number }).shift_days).toBe(4_045);
  });

  it('gives the same ids and times on every replay: plain, gzipped, piped, in other batches', async () => {
    await errata(['replay', await file('a.log', LOG), '--shift-to-now']);
    const first = requests.flat();
    requests = [];
    await errata(['replay', await file('a.gz', gzipSync(LOG)), '--shift-to-now', '--batch', '1']);
    expect(requests).toHaveLength(3);
    expect(requests.flat()).toEqual(expect.arrayContaining(first));
    requests = [];
    await errata(['replay', '-', '--shift-to-now'], LOG);
    expect(requests.flat()).toEqual(first);
    expect(new Set(first.map((event) => event.event_id)).size).toBe(3);
  });

  it('sends NDJSON from standard input and fills in missing ids', async () => {
    const { out } = await errata(['replay', '-', '--json'], '{"event_id":"e1","n":1}\n{"n":2}\n[]\n');
    expect(requests[0]).toEqual([
      { event_id: 'e1', n: 1 },
      { event_id: expect.stringMatching(/-8.{3}-/), n: 2 },
    ]);
    expect(JSON.parse(out)).toMatchObject({ events: 2, unparseable: 1, by_status: { none: 2 } });
  });

  it('takes service, tenant and addresses from its options, and counts without sending', async () => {
    const log = await file('a.log', LOG);
    await errata(['replay', log, '--dsn', dsn, '--service', 'edge', '--tenant', 'acme', '--with-ip']);
    expect(requests[0]?.[0]).toMatchObject({
      service: 'edge',
      tenant: 'acme',
      attributes: { client_ip: '192.0.2.1' },
    });
    requests = [];
    const { code, out } = await errata(['replay', log, '--dry-run'], '', { ERRATA_HOME: '/nowhere' });
    expect([code, requests]).toEqual([0, []]);
    expect(out).toMatch(/events +3\n[^]*sent +0 \(dry run\)/);
  });

  it('holds to a rate, in batches of at most one second', async () => {
    const lines = Array.from({ length: 6 }, (_unused, index) => `{"event_id":"${index}"}`).join('\n');
    const startedAt = performance.now();
    await errata(['replay', '-', '--rate', '20', '--batch', '2'], lines);
    expect(requests.map((events) => events.length)).toEqual([2, 2, 2]);
    expect(performance.now() - startedAt).toBeGreaterThan(180);
    requests = [];
    await errata(['replay', '-', '--rate', '5'], lines);
    expect(requests.map((events) => events.length)).toEqual([5, 1]);
  });

  it('keeps requests of long events small', async () => {
    const lines = [1, 2, 3].map((n) => JSON.stringify({ event_id: `e${n}`, text: 'x'.repeat(600_000) }));
    await errata(['replay', '-'], lines.join('\n'));
    expect(requests.map((events) => events.length)).toEqual([1, 1, 1]);
  });

  it.each<[string, string, RegExp]>([
    ['an empty file', '', /^errata: standard input holds no lines\.\n$/],
    ['nothing readable', 'a\nb\nc\nd\n', /^errata: none of the 4 lines .* line 1, 2, 3\)/],
  ])('fails on %s in one sentence', async (_name, stdin, message) => {
    const { code, err } = await errata(['replay', '-'], stdin);
    expect(code).toBe(1);
    expect(err).toMatch(message);
    expect(requests).toEqual([]);
  });

  it('is content with a log that has no errors', async () => {
    const { code } = await errata(['replay', '-'], LOG.split('\n')[0]);
    expect(code).toBe(0);
  });

  it('says what the server refused, after the summary of what was done', async () => {
    refuse = { status: 401, body: { code: 'KEY_REVOKED', detail: 'The key was revoked.' } };
    const { code, out, err } = await errata(['replay', '-', '--json'], '{}');
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({ events: 1, sent: 0, accepted: 0 });
    expect(err).toBe('errata: the server refused the events: 401 KEY_REVOKED: The key was revoked.\n');
  });

  it.each<[string[], RegExp]>([
    [['--dsn', 'nonsense'], /^errata: the DSN is not an http\(s\) address/],
    [['--batch', '0'], /whole number from 1 to 1000/],
    [['--rate', 'fast'], /zero or more/],
    [['--format', 'xml'], /auto, ndjson, combined/],
    [['--give-up-after', 'never'], /90s, 5m or 1h/],
  ])('refuses %p', async (args, message) => {
    const { code, err } = await errata(['replay', '-', ...args], '{}');
    expect(code).toBe(1);
    expect(err).toMatch(message);
  });

  it('says so where no instance runs', async () => {
    const { code, err } = await errata(['replay', '-'], '{}', { ERRATA_HOME: 'elsewhere' });
    expect(code).toBe(1);
    expect(err).toMatch(/^errata: no running instance: .*elsewhere\/ready\.json is not there/);
  });
});

describe('errata send', () => {
  it('sends one event from options and prints its id', async () => {
    const args = ['--code', 'TENANT_ACCESS_DENIED', '--status', '403', '--message', 'no', '--tenant', 'acme'];
    const more = ['--environment', 'prod', '--service', 'api', '--route', '/v1/x', '--method', 'GET'];
    const rest = ['--request-id', 'q1', '--attr', 'region=eu', '--attr', 'note=a=b'];
    const { code, out } = await errata(['send', ...args, ...more, ...rest]);
    expect(code).toBe(0);
    const [event] = requests[0] ?? [];
    expect(event).toEqual({
      event_id: expect.stringMatching(/^[0-9a-f-]{14}7/),
      timestamp: expect.stringMatching(/^2026-06-15T12:00:00/),
      environment: 'prod',
      service: 'api',
      tenant: 'acme',
      request_id: 'q1',
      http: { method: 'GET', route: '/v1/x', status: 403 },
      error: { code: 'TENANT_ACCESS_DENIED', message: 'no' },
      attributes: { region: 'eu', note: 'a=b' },
    });
    expect(out).toBe(`event ${event?.event_id} accepted (request r1)\n`);
  });

  it('sends JSON from standard input and keeps its id and time', async () => {
    const event = { event_id: 'mine', timestamp: '2026-06-01T00:00:00Z', error: { code: 'A' } };
    const { out } = await errata(['send', '-', '--json'], JSON.stringify(event, undefined, 2));
    expect(requests).toEqual([[event]]);
    expect(JSON.parse(out)).toEqual({ event_id: 'mine', accepted: 1, rejected: [], request_id: 'r1' });
  });

  it('fails where the server rejects the event', async () => {
    const rejected = [{ index: 0, code: 'TENANT_REQUIRED', message: 'name a tenant', field: 'tenant' }];
    refuse = { status: 202, body: { accepted: 0, rejected, request_id: 'r1' } };
    const { code, out, err } = await errata(['send', '--code', 'A', '--event-id', 'mine']);
    expect(code).toBe(1);
    expect(out).toBe('event mine rejected (request r1)\n');
    expect(err).toBe('errata: the server rejected the event: TENANT_REQUIRED: tenant: name a tenant\n');
  });

  it.each<[string[], string, RegExp]>([
    [[], '', /nothing to send/],
    [['--tenant', 'acme'], '', /nothing to send/],
    [['-'], 'x', /not one JSON object/],
    [['-', '--code', 'A'], '{}', /not both/],
    [['events.json'], '', /Use errata replay for files/],
    [['--status', '99'], '', /from 100 to 599/],
    [['--attr', 'x', '--code', 'A'], '', /key=value/],
  ])('refuses %p', async (args, stdin, message) => {
    const { code, err } = await errata(['send', ...args], stdin);
    expect(code).toBe(1);
    expect(err).toMatch(message);
    expect(requests).toEqual([]);
  });
});
