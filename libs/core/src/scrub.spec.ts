import { FILTERED, cleanJson, cleanText, isSecretName } from './scrub.js';

const jwt = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U';
const pem = '-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nAAAA\n-----END RSA PRIVATE KEY-----';

describe('isSecretName', () => {
  it.each([
    'password',
    'PASSWORD',
    'user_passwd',
    'db-password',
    'secret',
    'clientSecret',
    'api_key',
    'apikey',
    'X-Api-Key',
    'auth',
    'Authorization',
    'proxy-authorization',
    'credentials',
    'mysql_pwd',
    'private_key',
    'privateKey',
    'token',
    'access_token',
    'auth_token',
    'bearer',
    'cookie',
    'Set-Cookie',
    'pass.word',
    'author_token',
    'tokens_used_secret',
    'aws_secret_access_key',
    'authorized_keys',
    'pwd',
  ])('denies %s', (name) => expect(isSecretName(name)).toBe(true));

  it.each([
    'author',
    'authors',
    'author_id',
    'coAuthor',
    'authority',
    'authored_at',
    'authorized',
    'unauthorized',
    'is_authenticated',
    'tokens_used',
    'token_count',
    'max_tokens',
    'token_type',
    'total_tokens',
    'tokenizer',
    'secretary',
    'Secretariat',
    'auth_method',
    'cookie_consent',
    'tenant',
    'code',
    'keyboard',
    'monkey',
    'passenger',
    'compass',
    'token_expires_at',
  ])('lets %s through', (name) => expect(isSecretName(name)).toBe(false));
});

describe('cleanText', () => {
  it.each([
    ['card 4111 1111 1111 1111 declined', `card ${FILTERED} declined`],
    ['card 4111-1111-1111-1111.', `card ${FILTERED}.`],
    ['card=4111111111111111', `card=${FILTERED}`],
    ['amex 3782 822463 10005', `amex ${FILTERED}`],
    ['4111 1111 1111 1111 12/27', `${FILTERED} 12/27`],
    [`got ${jwt} from client`, `got ${FILTERED} from client`],
    ['Authorization: Bearer abc.def-123', `Authorization: Bearer ${FILTERED}`],
    ['sent Bearer xxx', `sent Bearer ${FILTERED}`],
    ['authorization: Basic dXNlcjpwYXNz', `authorization: Basic ${FILTERED}`],
    ['Authorization: Token 9f8e7d', `Authorization: ${FILTERED}`],
    ['key AKIAIOSFODNN7EXAMPLE used', `key ${FILTERED} used`],
    [`before ${pem} after`, `before ${FILTERED} after`],
    ['-----BEGIN PRIVATE KEY-----\nMIIE cut short', FILTERED],
    ['postgres://app:hunter2@db:5432/x', `postgres://app:${FILTERED}@db:5432/x`],
    ['redis://:p@ss@cache:6379', `redis://:${FILTERED}@cache:6379`],
    ['login failed: password=hunter2&x=1', `login failed: password=${FILTERED}&x=1`],
    ['body {"user":"a","token":"s3 cr et","n":1}', `body {"user":"a","token":"${FILTERED}","n":1}`],
    ['log "{\\"api_key\\":\\"k1\\",\\"n\\":1}"', `log "{\\"api_key\\":\\"${FILTERED}\\",\\"n\\":1}"`],
    [`{'password': 'it\\'s'}`, `{'password': '${FILTERED}'}`],
    ['url=/a?access_token=tok&b=2', `url=/a?access_token=${FILTERED}&b=2`],
    ['Cookie: sid=abc; theme=dark\nHost: x', `Cookie: ${FILTERED}\nHost: x`],
    ['AWS_SECRET_ACCESS_KEY=wJalr/K7', `AWS_SECRET_ACCESS_KEY=${FILTERED}`],
    ['token: 8f3a9c', `token: ${FILTERED}`],
    ['pay DE89 3704 0044 0532 0130 00 NOW', `pay ${FILTERED} NOW`],
    ['pay BE71096123456769', `pay ${FILTERED}`],
    ...[
      'ASIAIOSFODNN7EXAMPLE',
      'github_pat_abcdefghij0123456789',
      'glpat-abcdefghij0123456789',
      'npm_abcdefghijklmnopqrstuvwxyz0123456789',
      'whsec_abcdefghijklmnop',
      'AIzaabcdefghijklmnopqrstuvwxyz0123456789',
      'SG.abcdefghijklmnop.abcdefghijklmnop',
      'sk-abcdefghijklmnopqrstuv',
      'rk_test_abcdefghij',
      'gho_abcdefghijklmnopqrst',
    ].map((secret) => [`< ${secret} >`, `< ${FILTERED} >`]),
    ['ghp_abcdefghijklmnopqrstuvwxyz0123456789', FILTERED],
    ['sk_live_abcdefghij0123456789', FILTERED],
    ['xoxb-1234567890-abcdef', FILTERED],
    ['errata_0123456789abcdefghij_x7Gh2k', FILTERED],
  ])('%s', (text, clean) => expect(cleanText(text)).toEqual({ text: clean, notes: ['filtered'] }));

  it.each([
    'TENANT_ACCESS_DENIED: another tenant was asked for',
    'AUTH_TOKEN_EXPIRED: The access token has expired. Request a new token.',
    'AUTH-401: Session expired',
    'Bearer authentication is required',
    'Basic plan limit reached',
    'password: must be at least 8 characters',
    'Invalid token: expired at 12:00',
    'tokens_used=512, max_tokens: 4096',
    'request 550e8400-e29b-41d4-a716-446655440000 at 1732700000123',
    'order 4111111111111112 not found',
    'id 41111111-1111-1111-1111-111111111111',
    'GET https://api.example.com:8443/v1/users?author=ann',
    'see https://docs.example.com/errors#auth',
    'ratio 0.4111111111111111',
    '"token": null, "secret": true',
    'ER12 ABCD EFGH IJKL is no account',
  ])('leaves alone: %s', (text) => expect(cleanText(text)).toEqual({ text, notes: [] }));

  it('repairs NUL and lone surrogates and keeps whole code points', () => {
    expect(cleanText('a\0b\ud800c\udc00😀')).toEqual({ text: 'a�b�c�😀', notes: ['repaired'] });
  });

  it('cuts between code points, within the limit, and says so', () => {
    const { text, notes } = cleanText('😀'.repeat(20), 12);
    expect(text).toBe('😀😀😀…[cut]'.slice(0, text.length));
    expect(text.length).toBeLessThanOrEqual(12);
    expect(text.isWellFormed()).toBe(true);
    expect(notes).toEqual(['cut']);
    expect(cleanText('x'.repeat(65_536)).text).toHaveLength(65_536);
    expect(cleanText('x'.repeat(65_537)).text).toHaveLength(65_536);
  });

  it('sees a secret that lies across the cut', () => {
    const text = 'x'.repeat(65_500) + ' ' + jwt;
    expect(cleanText(text).text).not.toContain('eyJ');
  });

  it.each([
    'eyJ',
    'eyJaaaaa.',
    'a://',
    'a:b@',
    'bearer ',
    'token: must ',
    'cookie: must ',
    'password="',
    '-----BEGIN PRIVATE KEY',
    '4111 ',
    '41111111111111',
    'AB12 CDEF ',
    'AB12CDEF',
    'sk-',
    'SG.aaaaaaaaaaaaaaaaaaa',
    'xoxb-',
    'a=',
    'token=',
    '\\"',
    'a.',
    'token=\\',
    'abcdefghij+',
    'basic  ',
    'postgres://u:',
  ])('reads hostile repetition of %j in linear time', (part) => {
    const text = part.repeat(Math.ceil(65_536 / part.length)).slice(0, 65_536);
    const start = performance.now();
    cleanText(text);
    expect(performance.now() - start).toBeLessThan(2_000);
  });
});

describe('cleanJson', () => {
  it('filters by key name, deeply, and says where', () => {
    const input = { attributes: { password: 'p', list: [{ 'X-Api-Key': 1 }], author: 'Ann', max_tokens: 5 } };
    expect(cleanJson(input)).toEqual({
      value: {
        attributes: { password: FILTERED, list: [{ 'X-Api-Key': FILTERED }], author: 'Ann', max_tokens: 5 },
      },
      notes: ['attributes.password: filtered', 'attributes.list[0].X-Api-Key: filtered'],
    });
  });

  it('filters whole structures under a secret name, but not what cannot be one', () => {
    const input = { credentials: { user: 'a' }, secret: ['x'], token: null, auth: true, cookie: '' };
    expect(cleanJson(input, undefined, 'attributes')).toEqual({
      value: { credentials: FILTERED, secret: FILTERED, token: null, auth: true, cookie: '' },
      notes: ['attributes.credentials: filtered', 'attributes.secret: filtered'],
    });
  });

  it('filters the value of a named header', () => {
    const { value } = cleanJson([
      { name: 'X-Api-Key', value: 'k' },
      { name: 'Accept', value: 'json' },
    ]);
    expect(value).toEqual([
      { name: 'X-Api-Key', value: FILTERED },
      { name: 'Accept', value: 'json' },
    ]);
  });

  it('turns what JSON cannot carry into text', () => {
    const input = {
      a: Number.NaN,
      b: Number.NEGATIVE_INFINITY,
      c: 12n,
      d: undefined,
      e: [undefined],
      f: 4111111111111111,
    };
    expect(cleanJson(input).value).toEqual({ a: 'NaN', b: '-Infinity', c: '12', e: [null], f: FILTERED });
    expect(cleanJson({ ms: 1_732_700_000_123, us: 1_732_700_000_123_456 }).notes).toEqual([]);
  });

  it('cleans keys too', () => {
    const { value } = cleanJson(JSON.parse(`{"a\\u0000b":1,"__proto__":{"x":1},"user ${jwt}":2}`));
    expect(value).toEqual({ 'a�b': 1, [`user ${FILTERED}`]: 2 });
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  });

  it('holds every limit', () => {
    const deep: unknown = JSON.parse('['.repeat(100) + ']'.repeat(100));
    expect(JSON.stringify(cleanJson(deep).value)).toBe('['.repeat(64) + '"[Too deep]"' + ']'.repeat(64));
    const wide = Object.fromEntries(Array.from({ length: 6_000 }, (_, i) => [`k${i}`, i]));
    expect(Object.keys(cleanJson(wide).value as object)).toHaveLength(5_000);
    expect(cleanJson(Array.from({ length: 1_001 }, () => 1)).value).toHaveLength(1_000);
    const many = cleanJson(Array.from({ length: 500 }, () => ({ password: 'x' })));
    expect(many.notes).toHaveLength(20);
    expect(JSON.stringify(many.value)).not.toContain('"x"');
  });

  it('ends on values that hold themselves', () => {
    const loop: unknown[] = [];
    loop.push(loop, loop);
    expect(JSON.stringify(cleanJson(loop).value).length).toBeLessThan(1_000_000);
  });

  it('answers for a value that cannot be read', () => {
    const trap = {
      get x(): string {
        throw new Error('no');
      },
    };
    expect(cleanJson({ trap }, undefined, 'attributes')).toEqual({
      value: null,
      notes: ['attributes: unreadable'],
    });
  });
});
