// `npm run bench`: durable ingest on this machine, embedded mode, measured from outside.
//
// Open loop: batches are due at a constant rate and sent when they are due, whether or not earlier ones
// were answered, so that a slow answer does not slow the load down and hide itself. Drained means
// persisted, classified and rolled up. One run says little on a noisy machine: compare within a run.
import { spawn } from 'node:child_process';
import { mkdtemp, chmod, readFile, rm } from 'node:fs/promises';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { randomUUID } from 'node:crypto';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '20' },
    rate: { type: 'string', default: '4000' },
    batch: { type: 'string', default: '100' },
    json: { type: 'string' },
  },
});
const seconds = Number(values.seconds);
const rate = Number(values.rate);
const batchSize = Number(values.batch);

const home = await mkdtemp(path.join(os.tmpdir(), 'errata-bench-'));
await chmod(home, 0o755);
const instance = spawn(process.execPath, [path.join(root, 'apps/cli/bin/errata.js'), 'start'], {
  env: { ...process.env, ERRATA_HOME: home, PORT: '0', DATABASE_URL: '', REDIS_URL: '' },
  stdio: ['ignore', 'ignore', 'inherit'],
});
try {
  const report = await measure(await whenReady());
  process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  if (values.json)
    await (await import('node:fs/promises')).writeFile(values.json, JSON.stringify(report, null, 2));
} finally {
  const ended = new Promise((resolve) => instance.once('exit', resolve));
  instance.kill('SIGINT');
  await ended;
  await rm(home, { recursive: true, force: true });
}

async function whenReady() {
  const file = path.join(home, 'ready.json');
  while (!existsSync(file)) {
    if (instance.exitCode !== null) throw new Error('the instance did not start');
    await sleep(50);
  }
  return JSON.parse(await readFile(file, 'utf8'));
}

async function measure(ready) {
  const { key } = await api(ready, 'POST', 'keys', {
    label: 'bench',
    rate_per_second: 1_000_000,
    burst: 10_000_000,
  }).then((made) => ({ key: made.public_key }));
  const batches = Math.floor((seconds * rate) / batchSize);
  const pause = (1000 * batchSize) / rate;
  const bodies = Array.from({ length: batches }, () => makeBatch());
  const payload = Buffer.byteLength(bodies[0]) / batchSize;
  const latencies = [];
  let accepted = 0;
  let refused = 0;
  const started = performance.now();
  await Promise.all(
    bodies.map(async (body, i) => {
      const due = started + i * pause;
      await sleep(Math.max(0, due - performance.now()));
      const response = await fetch(`${ready.url}/v1/events`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
        body,
      });
      const answer = await response.json();
      if (response.status === 202) accepted += answer.accepted;
      else refused += batchSize;
      latencies.push(performance.now() - due);
    }),
  );
  const sent = performance.now();
  const memory = memoryOf(ready.pid);
  let persisted = 0;
  while (persisted < accepted && performance.now() - sent < 300_000) {
    await sleep(200);
    persisted = (await api(ready, 'GET', 'summary?from=-2h')).total;
  }
  const drained = performance.now();
  latencies.sort((a, b) => a - b);
  const at = (q) =>
    Math.round(latencies[Math.min(latencies.length - 1, Math.floor(q * latencies.length))] * 10) / 10;
  return {
    machine: `${os.cpus().length} cores, ${os.cpus()[0]?.model ?? 'unknown'}, Node ${process.versions.node}, load generator included`,
    load: { batch: batchSize, payload_bytes_per_event: Math.round(payload), seconds },
    events_per_second: {
      offered: rate,
      accepted: Math.round((accepted * 1000) / (sent - started)),
      drained: Math.round((persisted * 1000) / (drained - started)),
    },
    accept_ms_from_due_time: { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) },
    accepted,
    refused,
    rows_persisted: persisted,
    rss_mb: memory,
  };
}

function makeBatch() {
  const codes = ['RATE_LIMIT_EXCEEDED', 'AUTH_INVALID_TOKEN', 'INTERNAL_ERROR', 'SCAN_NOT_FOUND'];
  const now = Date.now();
  const events = Array.from({ length: batchSize }, (_, i) => ({
    event_id: randomUUID(),
    timestamp: new Date(now - (i % 60) * 1000).toISOString(),
    tenant: `tenant-${i % 40}`,
    service: 'orders',
    environment: 'production',
    release: '1.4.2',
    request_id: randomUUID(),
    error: {
      code: codes[i % 4],
      message: 'the request could not be answered as it was asked'.padEnd(120, '.'),
    },
    http: { method: 'GET', route: '/orders/:id/items', status: [429, 401, 500, 404][i % 4] },
    attempt: 1,
  }));
  return JSON.stringify({ events });
}

async function api(ready, method, route, body) {
  const response = await fetch(`${ready.url}/api/v1/projects/${ready.projectId}/${route}`, {
    method,
    headers: { authorization: `Bearer ${ready.apiToken}`, 'content-type': 'application/json' },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${method} ${route}: ${response.status} ${await response.text()}`);
  return response.json();
}

// Every process of the instance, by walking /proc from the launcher down. Shared pages of Postgres are
// counted in each of its processes, so its sum is an upper bound.
function memoryOf(launcher) {
  if (!existsSync('/proc/self/status')) return undefined;
  const processes = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const status = readFileSync(`/proc/${pid}/status`, 'utf8');
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
        const field = (key) => Number(new RegExp(`^${key}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0);
        return [{ pid: Number(pid), parent: field('PPid'), mb: field('VmRSS') / 1024, command }];
      } catch {
        return [];
      }
    });
  const family = (pid) => processes.filter((p) => p.parent === pid).flatMap((p) => [p, ...family(p.pid)]);
  const totals = {};
  for (const { command, mb } of family(launcher)) {
    const name =
      /apps\/(api|worker)\//.exec(command)?.[1] ?? (command.includes('postgres') ? 'postgres' : 'other');
    totals[name] = Math.round((totals[name] ?? 0) + mb);
  }
  return totals;
}

function sleep(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
