import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import { envSchema, parseEnv } from './env.js';

const root = path.resolve(__dirname, '../../..');
const read = (name: string) => readFileSync(path.join(root, name), 'utf8');

interface Service {
  image: string;
  command: string[];
  user?: string;
  environment: Record<string, string | null>;
  volumes?: string[];
  ports?: string[];
  restart: string;
  read_only?: boolean;
  cap_drop?: string[];
  security_opt?: string[];
  privileged?: boolean;
  stop_grace_period: string;
  depends_on?: Record<string, { condition: string }>;
  healthcheck?: { test: string[]; interval: string; timeout: string; retries: number };
}

const text = read('docker-compose.yml');
const compose = parse(text, { merge: true }) as {
  services: Record<string, Service>;
  volumes: Record<string, unknown>;
};
const services = Object.entries(compose.services);
const service = (name: string): Service => {
  const found = compose.services[name];
  if (found === undefined) throw new Error(`no service ${name}`);
  return found;
};
const OURS = ['migrate', 'api', 'worker'];

/** What compose puts in: the variable, `${NAME:-default}`, or nothing at all for `${NAME:?message}`. */
function interpolated(value: string, variables: Record<string, string>): string {
  return value.replace(
    /\$\{([A-Z_]+)(?::([-?])([^}]*))?\}/g,
    (_, name: string, kind: string | undefined, rest: string | undefined) => {
      const given = variables[name];
      if (given !== undefined && given !== '') return given;
      if (kind === '?') throw new Error(`${name}: ${rest}`);
      return kind === '-' ? (rest ?? '') : '';
    },
  );
}

const SECRETS = {
  POSTGRES_PASSWORD: 'p'.repeat(48),
  REDIS_PASSWORD: 'r'.repeat(48),
  ERRATA_SECRET_KEY: Buffer.alloc(32, 7).toString('base64'),
};

/** The environment that a container of ours gets. */
function environmentOf(name: string, variables: Record<string, string>): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(service(name).environment).map(([key, value]) => [
      key,
      value === null ? variables[key] : interpolated(value, variables),
    ]),
  );
}

describe('docker-compose.yml', () => {
  it('has the five services', () => {
    expect(services.map(([name]) => name).sort()).toEqual(['api', 'migrate', 'postgres', 'redis', 'worker']);
  });

  it.each([
    ['--appendonly', 'yes'],
    ['--appendfsync', 'always'],
    ['--maxmemory-policy', 'noeviction'],
  ])('runs Redis with %s %s', (flag, value) => {
    const { command } = service('redis');
    expect(command.filter((word) => word === flag)).toHaveLength(1);
    expect(command[command.indexOf(flag) + 1]).toBe(value);
  });

  it('runs Redis with a password that it demands from the environment', () => {
    const { command, environment } = service('redis');
    expect(command[command.indexOf('--requirepass') + 1]).toMatch(/^\$\{REDIS_PASSWORD:\?.+\}$/);
    expect(environment['REDISCLI_AUTH']).toMatch(/^\$\{REDIS_PASSWORD:\?.+\}$/);
  });

  it.each(Object.keys(SECRETS))('cannot be started without %s and says how to make one', (missing) => {
    const rest = Object.fromEntries(Object.entries(SECRETS).filter(([name]) => name !== missing));
    expect(() => interpolated(text, rest)).toThrow(
      new RegExp(`^${missing}: set ${missing} in .env.*openssl rand`),
    );
  });

  it('holds no literal secret and no default for one', () => {
    const uses = [...text.matchAll(/\$\{([A-Z_]*(?:PASSWORD|SECRET)[A-Z_]*)([^}]*)\}/g)];
    expect(new Set(uses.map(([, name]) => name))).toEqual(new Set(Object.keys(SECRETS)));
    for (const [, , rest] of uses) expect(rest).toMatch(/^:\?/);
    for (const [, { environment }] of services) {
      for (const [key, value] of Object.entries(environment)) {
        if (/PASSWORD|SECRET|TOKEN|AUTH/.test(key)) expect(value).toMatch(/^\$\{[A-Z_]+:\?/);
        const password = /^\w+:\/\/[^:]*:([^@]*)@/.exec(
          value?.replace(/\$\{([A-Z_]+)[^}]*\}/g, '$$$1') ?? '',
        )?.[1];
        if (password !== undefined) expect(password).toMatch(/^\$[A-Z_]+$/);
      }
    }
  });

  it.each(OURS)('gives %s settings that the schema takes', (name) => {
    const env = parseEnv(environmentOf(name, SECRETS));
    expect(env).toMatchObject({
      HOST: '0.0.0.0',
      PORT: 3400,
      WORKER_PORT: 3401,
      WORKER_URLS: ['http://worker:3401'],
    });
    expect(new URL(env.DATABASE_URL ?? '')).toMatchObject({
      hostname: 'postgres',
      password: SECRETS.POSTGRES_PASSWORD,
    });
    expect(new URL(env.REDIS_URL ?? '')).toMatchObject({
      hostname: 'redis',
      password: SECRETS.REDIS_PASSWORD,
    });
  });

  it('lets every setting be given but the directory that containers do not have', () => {
    const known = Object.keys(envSchema.shape).filter((key) => key !== 'ERRATA_HOME');
    for (const name of OURS) expect(Object.keys(service(name).environment).sort()).toEqual(known.sort());
  });

  it.each(['api', 'worker'])('starts %s only after migrations, with both servers healthy', (name) => {
    expect(service(name).depends_on).toEqual({
      postgres: { condition: 'service_healthy' },
      redis: { condition: 'service_healthy' },
      migrate: { condition: 'service_completed_successfully' },
    });
  });

  it('migrates once, after Postgres is healthy', () => {
    expect(service('migrate')).toMatchObject({
      restart: 'no',
      depends_on: { postgres: { condition: 'service_healthy' } },
    });
  });

  it.each(services.filter(([name]) => name !== 'migrate'))(
    'checks the health of %s and restarts it',
    (_, one) => {
      expect(one.healthcheck?.test.length).toBeGreaterThan(1);
      expect(one.healthcheck).toMatchObject({
        retries: expect.any(Number),
        timeout: expect.stringMatching(/^\d+s$/),
      });
      expect(one.restart).toBe('unless-stopped');
    },
  );

  it('asks the API whether it is ready and the worker whether it is alive, on the ports that they have', () => {
    const env = parseEnv(environmentOf('api', SECRETS));
    expect(service('api').healthcheck?.test.at(-1)).toContain(`http://127.0.0.1:${env.PORT}/readyz`);
    expect(service('worker').healthcheck?.test.at(-1)).toContain(
      `http://127.0.0.1:${env.WORKER_PORT}/healthz`,
    );
    expect(service('api').ports?.[0]?.endsWith(`:${env.PORT}`)).toBe(true);
  });

  it('publishes the API alone, on this machine only unless told otherwise', () => {
    expect(services.filter(([, one]) => one.ports !== undefined).map(([name]) => name)).toEqual(['api']);
    expect(interpolated(service('api').ports?.[0] ?? '', {})).toBe('127.0.0.1:3400:3400');
  });

  it.each([
    ['postgres', 'postgres-data', '/var/lib/postgresql'],
    ['redis', 'redis-data', '/data'],
  ])('keeps the data of %s in a named volume', (name, volume, target) => {
    expect(service(name).volumes).toEqual([`${volume}:${target}`]);
    expect(Object.keys(compose.volumes)).toContain(volume);
  });

  it.each(services)('runs %s without rights that it does not need', (name, one) => {
    expect(one).toMatchObject({
      read_only: true,
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
    });
    expect(one.privileged).toBeUndefined();
    // Ours get theirs from the Dockerfile.
    if (!OURS.includes(name)) expect(one.user).toBe(name);
  });

  it.each(['api', 'worker'])('gives %s longer to stop than it may take', (name) => {
    expect(Number.parseInt(service(name).stop_grace_period, 10)).toBeGreaterThan(20);
  });

  it.each(OURS)('starts %s from a file that the build makes', (name) => {
    const file = service(name).command.find((word) => word.endsWith('.js')) ?? '';
    expect(service(name).command[0]).toBe('node');
    expect(existsSync(path.join(root, sourceOf(file)))).toBe(true);
  });
});

/** `apps/api/dist/main.js` is compiled from `apps/api/src/main.ts`. */
function sourceOf(file: string): string {
  return file.replace('/dist/', '/src/').replace(/(\/src\/.*)\.js$/, '$1.ts');
}

describe('Dockerfile', () => {
  const lines = read('Dockerfile')
    .replace(/\\\n\s*/g, '')
    .split('\n');
  const instructions = (word: string) =>
    lines.filter((line) => line.startsWith(`${word} `)).map((line) => line.slice(word.length + 1));
  const ignored = read('.dockerignore').split('\n').filter(Boolean);
  const copied = instructions('COPY').flatMap((copy) => copy.match(/\/app\/(\S+)/g) ?? []);

  it('copies into the image only what there is', () => {
    const sources = copied.map((source) => source.slice('/app/'.length));
    expect(sources).toEqual(
      expect.arrayContaining(['package.json', 'node_modules', 'libs', 'apps', 'catalogs', 'prisma']),
    );
    for (const source of sources)
      expect([source, existsSync(path.join(root, source))]).toEqual([source, true]);
  });

  it('runs Node 24 in both stages, and the last one as an unprivileged user', () => {
    expect(instructions('FROM')).toEqual(['node:24-slim AS build', 'node:24-slim']);
    expect(instructions('USER')).toEqual(['node']);
    expect(lines.lastIndexOf('USER node')).toBeGreaterThan(lines.indexOf('FROM node:24-slim'));
  });

  it('builds with the command of the repository, drops what only the build needs, stops on SIGTERM', () => {
    const runs = instructions('RUN').join('\n');
    expect(runs).toMatch(/node tools\/run\.mjs build[^]*npm prune --omit=dev/);
    expect(instructions('STOPSIGNAL')).toEqual(['SIGTERM']);
  });

  it('starts a file that the build makes', () => {
    const command = JSON.parse(instructions('CMD')[0] ?? '[]') as string[];
    expect(existsSync(path.join(root, sourceOf(command.at(-1) ?? '')))).toBe(true);
  });

  it('leaves secrets, data and foreign builds out of the context, and nothing that it copies', () => {
    expect(ignored).toEqual(
      expect.arrayContaining(['.env', '.env.*', '.git', '.errata', '**/node_modules', '**/dist']),
    );
    for (const source of copied) expect(ignored).not.toContain(source.slice('/app/'.length));
  });
});
