import { ROUTE_LENGTH, TEXT_LENGTH, parseCombinedLine, parseLogTime, toEvent } from './access-log.js';
import type { AccessLogLine } from './access-log.js';

const AT = Date.UTC(2015, 4, 17, 10, 5, 3);

function line(fields: { ip?: string; user?: string; time?: string; rest?: string } = {}): string {
  const { ip = '192.0.2.7', user = '-', time = '17/May/2015:10:05:03 +0000' } = fields;
  return `${ip} - ${user} [${time}] ${fields.rest ?? '"GET /a HTTP/1.1" 404 12 "-" "curl/8"'}`;
}

const base: AccessLogLine = {
  clientIp: '192.0.2.7',
  time: AT,
  method: 'GET',
  route: '/a',
  status: 404,
  bytes: 12,
  userAgent: 'curl/8',
};

describe('parseCombinedLine', () => {
  const readable: [string, string, Partial<Record<keyof AccessLogLine, unknown>>][] = [
    ['a plain line', line(), {}],
    ['IPv6', line({ ip: '2001:db8::1' }), { clientIp: '2001:db8::1' }],
    ['a host name', line({ ip: 'crawler.example.org' }), { clientIp: 'crawler.example.org' }],
    ['a user name with a space', line({ user: 'Ada L' }), {}],
    ['an offset east', line({ time: '17/May/2015:12:05:03 +0200' }), {}],
    ['an offset west', line({ time: '17/May/2015:05:35:03 -0430' }), {}],
    ['an offset over midnight', line({ time: '18/May/2015:00:05:03 +1400' }), {}],
    ['no length', line({ rest: '"GET /a HTTP/1.1" 404 - "-" "curl/8"' }), { bytes: undefined }],
    [
      'a query string',
      line({ rest: '"GET /a?token=x HTTP/1.1" 404 12 "https://e.org/p?q=1#f" "-"' }),
      { referer: 'https://e.org/p', userAgent: undefined },
    ],
    [
      'escaped quotes and backslashes',
      line({ rest: String.raw`"GET /\"b\\c HTTP/1.1" 404 12 "-" "say \"hi\" \\ bye"` }),
      { route: String.raw`/"b\c`, userAgent: String.raw`say "hi" \ bye` },
    ],
    [
      'a hex escape, left as it is',
      line({ rest: String.raw`"GET /\x1b[31m HTTP/1.1" 404 12 "-" "-"` }),
      { route: String.raw`/\x1b[31m`, userAgent: undefined },
    ],
    [
      'bytes that are no request',
      line({ rest: String.raw`"\x16\x03\x01" 400 166 "-" "-"` }),
      { method: undefined, route: undefined, status: 400, bytes: 166, userAgent: undefined },
    ],
    [
      'no request at all',
      line({ rest: '"-" 408 0 "-" "-"' }),
      { method: undefined, route: undefined, status: 408, bytes: 0, userAgent: undefined },
    ],
    [
      'an absolute target',
      line({ rest: '"GET http://e.org/p?x=1 HTTP/1.1" 403 1 "-" "-"' }),
      { route: '/p', status: 403, bytes: 1, userAgent: undefined },
    ],
    [
      'an absolute target without path',
      line({ rest: '"GET http://e.org HTTP/1.1" 403 1 "-" "-"' }),
      { route: '/', status: 403, bytes: 1, userAgent: undefined },
    ],
    ['HTTP/2', line({ rest: '"POST /a HTTP/2" 404 12 "-" "curl/8"' }), { method: 'POST' }],
    ['HTTP/0.9', line({ rest: '"GET /a" 404 12 "-" "curl/8"' }), {}],
    ['fields after the agent', line({ rest: '"GET /a HTTP/1.1" 404 12 "-" "curl/8" "10.0.0.1" 0.002' }), {}],
    ['common format', line({ rest: '"GET /a HTTP/1.1" 404 12' }), { userAgent: undefined }],
    [
      'an agent that never ends',
      line({ rest: '"GET /a HTTP/1.1" 404 12 "-" "curl/8' }),
      { userAgent: undefined },
    ],
    ['nginx 499', line({ rest: '"GET /a HTTP/1.1" 499 0 "-" "curl/8"' }), { status: 499, bytes: 0 }],
  ];
  it.each(readable)('reads %s', (_name, text, difference) => {
    expect(parseCombinedLine(text)).toEqual({ ...base, ...difference });
  });

  it.each([
    ['nothing', ''],
    ['prose', 'the server was restarted'],
    ['JSON', '{"http":{"status":404}}'],
    ['no time', '192.0.2.7 - - "GET /a HTTP/1.1" 404 12 "-" "-"'],
    ['a day that does not exist', line({ time: '30/Feb/2015:10:05:03 +0000' })],
    ['a month that does not exist', line({ time: '17/Mai/2015:10:05:03 +0000' })],
    ['hour 24', line({ time: '17/May/2015:24:05:03 +0000' })],
    ['minute 60', line({ time: '17/May/2015:10:60:03 +0000' })],
    ['an impossible offset', line({ time: '17/May/2015:10:05:03 +9900' })],
    ['no status', line({ rest: '"GET /a HTTP/1.1" - 12 "-" "-"' })],
    ['status 000', line({ rest: '"GET /a HTTP/1.1" 000 12 "-" "-"' })],
    ['status 600', line({ rest: '"GET /a HTTP/1.1" 600 12 "-" "-"' })],
    ['status of four digits', line({ rest: '"GET /a HTTP/1.1" 4040 12 "-" "-"' })],
    ['a request that never ends', line({ rest: '"GET /a HTTP/1.1 404 12' })],
  ])('refuses %s', (_name, text) => {
    expect(parseCombinedLine(text)).toBeUndefined();
  });

  it('bounds route, referer and agent without cutting a character in half', () => {
    const long = `${'x'.repeat(ROUTE_LENGTH - 2)}😀😀`;
    const agent = 'y'.repeat(5_000);
    const parsed = parseCombinedLine(line({ rest: `"GET /${long} HTTP/1.1" 404 12 "${agent}" "${agent}"` }));
    expect(parsed?.route).toBe(`/${'x'.repeat(ROUTE_LENGTH - 2)}`);
    expect(parsed?.referer).toHaveLength(TEXT_LENGTH);
    expect(parsed?.userAgent).toHaveLength(TEXT_LENGTH);
  });

  it('stays fast on a hostile line of a megabyte', () => {
    const startedAt = performance.now();
    expect(parseCombinedLine('a b c [17/May/2015:10:05:03 +0000] "'.repeat(30_000))).toBeUndefined();
    expect(performance.now() - startedAt).toBeLessThan(1_000);
  });
});

describe('parseLogTime', () => {
  it('knows leap days', () => {
    expect(parseLogTime('29/Feb/2024:00:00:00 +0000')).toBe(Date.UTC(2024, 1, 29));
    expect(parseLogTime('29/Feb/2023:00:00:00 +0000')).toBeUndefined();
  });
});

describe('toEvent', () => {
  const full: AccessLogLine = { ...base, referer: 'https://e.org/' };

  it('writes the wire format and leaves the address out', () => {
    expect(
      toEvent(full, { eventId: 'id', shiftMs: 86_400_000, service: 'access-log', withIp: false }),
    ).toStrictEqual({
      event_id: 'id',
      timestamp: '2015-05-18T10:05:03.000Z',
      service: 'access-log',
      http: { method: 'GET', route: '/a', status: 404 },
      attributes: { bytes: 12, referer: 'https://e.org/', user_agent: 'curl/8' },
    });
  });

  it('adds address and tenant when asked, and no empty fields', () => {
    const bare: AccessLogLine = { clientIp: '::1', time: AT, status: 400 };
    const options = { eventId: 'id', shiftMs: 0, service: 'edge', tenant: 'acme', withIp: true };
    expect(toEvent(bare, options)).toStrictEqual({
      event_id: 'id',
      timestamp: '2015-05-17T10:05:03.000Z',
      service: 'edge',
      tenant: 'acme',
      http: { status: 400 },
      attributes: { client_ip: '::1' },
    });
  });
});
