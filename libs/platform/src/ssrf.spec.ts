import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { OutboundError, checkUrl, guardedLookup, isAllowedAddress, postGuarded } from './ssrf.js';
import type { OutboundPolicy } from './ssrf.js';

const STRICT: OutboundPolicy = { allowPrivate: false, allowHttp: false, allowHosts: [] };
const HTTP: OutboundPolicy = { ...STRICT, allowHttp: true };
const LOCAL: OutboundPolicy = { allowPrivate: true, allowHttp: true, allowHosts: [] };

const HOSTS_REFUSED = [
  '127.0.0.1',
  '127.1',
  '127.255.255.254',
  '2130706433',
  '0x7f000001',
  '0x7f.1',
  '0177.0.0.1',
  '017700000001',
  '0',
  '0.0.0.0',
  '10.1.2.3',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.1.1',
  '169.254.169.254',
  '0xa9fea9fe',
  '100.64.0.1',
  '192.0.0.1',
  '192.0.2.1',
  '198.18.0.1',
  '198.51.100.7',
  '203.0.113.9',
  '224.0.0.1',
  '240.0.0.1',
  '255.255.255.255',
  '[::]',
  '[::1]',
  '[::ffff:127.0.0.1]',
  '[::ffff:169.254.169.254]',
  '[::ffff:7f00:1]',
  '[::127.0.0.1]',
  '[64:ff9b::a9fe:a9fe]',
  '[64:ff9b:1::a00:1]',
  '[2002:7f00:1::]',
  '[2001::1]',
  '[2001:db8::1]',
  '[fe80::1]',
  '[fc00::1]',
  '[fd12:3456::1]',
  '[fec0::1]',
  '[ff02::1]',
  '[100::1]',
  '[::ffff:0:127.0.0.1]',
  '１２７.0.0.1',
  '127。0。0。1',
  'localhost',
  'LOCALHOST',
  'localhost.',
  'a.localhost',
  'localhost.localdomain',
  'ip6-localhost',
];

describe('checkUrl', () => {
  it.each(HOSTS_REFUSED)('refuses https://%s/', (host) => {
    expect(checkUrl(`https://${host}/hook`, STRICT)).toMatchObject({ ok: false, code: 'ADDRESS_REFUSED' });
  });

  it.each([
    '8.8.8.8',
    '1.1.1.1',
    '172.32.0.1',
    '100.128.0.1',
    '[2606:4700::1111]',
    '[::ffff:8.8.8.8]',
    'example.com',
    'localhost.example.com',
    'mylocalhost',
  ])('lets https://%s/ through', (host) => expect(checkUrl(`https://${host}/hook`, STRICT).ok).toBe(true));

  it.each([
    ['http://example.com/', STRICT, 'URL_SCHEME'],
    ['ftp://example.com/', LOCAL, 'URL_SCHEME'],
    ['file:///etc/passwd', LOCAL, 'URL_INVALID'],
    ['gopher://example.com/', LOCAL, 'URL_SCHEME'],
    ['not a url', LOCAL, 'URL_INVALID'],
    ['https://user@example.com/', LOCAL, 'URL_USERINFO'],
    ['https://:pw@example.com/', LOCAL, 'URL_USERINFO'],
    ['https://example.com:22/', STRICT, 'URL_PORT'],
    ['https://example.com:6379/', HTTP, 'URL_PORT'],
    ['https://169.254.169.254/', LOCAL, 'ADDRESS_REFUSED'],
    ['https://0.0.0.0/', LOCAL, 'ADDRESS_REFUSED'],
  ])('answers for %s', (url, policy, code) => {
    const check = checkUrl(url, policy);
    expect(check).toMatchObject({ ok: false, code });
    if (!check.ok) expect(check.message).toMatch(/\.$/);
  });

  it('opens only what the policy opens', () => {
    expect(checkUrl('https://example.com:8443/', STRICT).ok).toBe(true);
    expect(checkUrl('http://example.com/', HTTP).ok).toBe(true);
    expect(checkUrl('https://example.com:9000/', { ...STRICT, allowPorts: [9000] }).ok).toBe(true);
    expect(checkUrl('https://example.com/', { ...STRICT, allowPorts: [9000] }).ok).toBe(false);
    expect(checkUrl('http://127.0.0.1:9999/', LOCAL).ok).toBe(true);
    expect(checkUrl('http://[::1]:9999/', LOCAL).ok).toBe(true);
    const listed = { ...HTTP, allowHosts: ['Hooks.corp', '10.0.0.5', '[fd00::5]'] };
    for (const host of ['hooks.corp:9000', '10.0.0.5:9000', '[fd00::5]:9000']) {
      expect(checkUrl(`http://${host}/`, listed).ok).toBe(true);
    }
    expect(checkUrl('http://10.0.0.6:9000/', listed).ok).toBe(false);
    expect(checkUrl('http://x.hooks.corp:9000/', listed).ok).toBe(false);
  });
});

describe('guardedLookup', () => {
  const answers = (...addresses: string[]): typeof resolver => {
    const resolver = (
      _host: string,
      _options: unknown,
      done: (error: NodeJS.ErrnoException | null, found: { address: string; family: number }[]) => void,
    ): void =>
      done(
        null,
        addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
      );
    return resolver;
  };
  const look = (
    policy: OutboundPolicy,
    host: string,
    all: boolean,
    ...addresses: string[]
  ): Promise<unknown> =>
    new Promise((resolve, reject) =>
      guardedLookup(policy, answers(...addresses))(host, { all }, (error, address, family) =>
        error === null ? resolve(family === undefined ? address : [address, family]) : reject(error),
      ),
    );

  it('hands over what it judged, in the shape that was asked for', async () => {
    expect(await look(STRICT, 'a.example', false, '8.8.8.8', '2606:4700::1')).toEqual(['8.8.8.8', 4]);
    expect(await look(STRICT, 'a.example', true, '8.8.8.8', '2606:4700::1')).toEqual([
      { address: '8.8.8.8', family: 4 },
      { address: '2606:4700::1', family: 6 },
    ]);
  });

  it.each(['127.0.0.1', '::ffff:10.0.0.1', '169.254.169.254', 'fe80::1%eth0'])(
    'refuses a name with %s among its addresses',
    async (bad) => {
      await expect(look(STRICT, 'rebind.example', true, '8.8.8.8', bad)).rejects.toMatchObject({
        code: 'ADDRESS_REFUSED',
      });
    },
  );

  it('lets a listed name be private, and no other, and never link-local', async () => {
    const policy = { ...STRICT, allowHosts: ['hooks.corp'] };
    expect(await look(policy, 'HOOKS.corp', false, '10.0.0.1')).toEqual(['10.0.0.1', 4]);
    await expect(look(policy, 'other.corp', false, '10.0.0.1')).rejects.toMatchObject({
      code: 'ADDRESS_REFUSED',
    });
    await expect(look(policy, 'hooks.corp', false, '169.254.169.254')).rejects.toMatchObject({
      code: 'ADDRESS_REFUSED',
    });
  });

  it('refuses what is no address, and names without any', async () => {
    expect(isAllowedAddress('example.com', 'example.com', LOCAL)).toBe(false);
    await expect(look(STRICT, 'empty.example', false)).rejects.toThrow('has no address');
  });
});

describe('postGuarded', () => {
  const seen: { method?: string; headers: http.IncomingHttpHeaders; body: string }[] = [];
  let base: string;
  const server = http.createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      seen.push({ method: request.method, headers: request.headers, body: Buffer.concat(parts).toString() });
      answer(request.url ?? '/', response);
    });
  });

  function answer(path: string, response: http.ServerResponse): void {
    if (path === '/redirect') response.writeHead(302, { location: '/ok' }).end('moved');
    else if (path === '/fail') response.writeHead(503, { 'retry-after': '7' }).end('busy\0');
    else if (path === '/reset') response.destroy();
    else if (path === '/endless') {
      response.writeHead(200);
      const pour = setInterval(() => response.write(Buffer.alloc(16_384, 'x')), 1);
      response.on('close', () => clearInterval(pour));
    } else if (path === '/drip') {
      response.writeHead(200);
      const drip = setInterval(() => response.write('.'), 20);
      response.on('close', () => clearInterval(drip));
    } else if (path !== '/hang') response.writeHead(200, { 'x-id': '1' }).end('thanks');
  }

  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  beforeEach(() => seen.splice(0));

  const send = (path: string, more: Partial<Parameters<typeof postGuarded>[0]> = {}) =>
    postGuarded({
      url: base + path,
      headers: {},
      body: '{"a":"ö"}',
      timeoutMs: 2_000,
      policy: LOCAL,
      ...more,
    });
  const failure = (promise: Promise<unknown>): Promise<OutboundError> =>
    promise.then(
      () => Promise.reject(new Error('was answered')),
      (error: unknown) => (error instanceof OutboundError ? error : Promise.reject(error as Error)),
    );

  it('posts the body and headers, and returns the answer', async () => {
    const headers = {
      'Webhook-Id': 'm1',
      Host: 'evil.example',
      'Content-Length': '3',
      'transfer-encoding': 'chunked',
    };
    const got = await send('/ok', { headers });
    expect(got).toMatchObject({ ok: true, status: 200, bodyExcerpt: 'thanks', truncated: false });
    expect(got.headers['x-id']).toBe('1');
    expect(seen).toHaveLength(1);
    expect(seen[0]).toMatchObject({ method: 'POST', body: '{"a":"ö"}' });
    expect(seen[0]?.headers).toMatchObject({
      'webhook-id': 'm1',
      'content-length': '10',
      host: base.slice(7),
    });
  });

  it('follows no redirect', async () => {
    expect(await send('/redirect')).toMatchObject({ ok: false, status: 302 });
    expect(seen).toHaveLength(1);
  });

  it('returns failures as they are', async () => {
    expect(await send('/fail')).toMatchObject({
      ok: false,
      status: 503,
      bodyExcerpt: 'busy\uFFFD',
      headers: { 'retry-after': '7' },
    });
  });

  it('cuts an endless answer off and frees the connection', async () => {
    const closed = new Promise((resolve) =>
      server.once('connection', (socket) => socket.once('close', resolve)),
    );
    const got = await send('/endless');
    expect(got).toMatchObject({ ok: true, status: 200, truncated: true });
    expect(got.bodyExcerpt).toHaveLength(2_048);
    await closed;
  });

  it.each(['/hang', '/drip'])('gives up on %s at the deadline', async (path) => {
    const started = performance.now();
    expect(await failure(send(path, { timeoutMs: 150 }))).toMatchObject({ code: 'TIMEOUT', retryable: true });
    expect(performance.now() - started).toBeLessThan(1_500);
  });

  it('stops on the signal, before and during', async () => {
    expect(await failure(send('/ok', { signal: AbortSignal.abort() }))).toMatchObject({ code: 'ABORTED' });
    expect(seen).toHaveLength(0);
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 50);
    expect(await failure(send('/hang', { signal: controller.signal }))).toMatchObject({
      code: 'ABORTED',
      retryable: true,
    });
  });

  it('tells a lost connection from a refused address', async () => {
    expect(await failure(send('/reset'))).toMatchObject({ code: 'CONNECTION_FAILED', retryable: true });
    expect(await failure(send('/ok', { policy: HTTP }))).toMatchObject({
      code: 'URL_PORT',
      retryable: false,
    });
    const byName = `http://localhost.:${new URL(base).port}/ok`;
    expect(
      await failure(send('', { url: byName, policy: { ...HTTP, allowPorts: [Number(new URL(base).port)] } })),
    ).toMatchObject({
      code: 'ADDRESS_REFUSED',
    });
    expect(seen.filter(({ body }) => body === '')).toHaveLength(0);
  });

  it('refuses a header that would split the request', async () => {
    expect(await failure(send('/ok', { headers: { 'x-a': 'b\r\nhost: c' } }))).toMatchObject({
      code: 'REQUEST_INVALID',
    });
  });
});
