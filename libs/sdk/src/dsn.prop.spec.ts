import fc from 'fast-check';
import type { Dsn } from './dsn.js';
import { InvalidDsnError, endpointOf, formatDsn, parseDsn } from './dsn.js';

const KEY = '0123456789abcdef0123456789abcdef';

const hexKey = fc.stringMatching(/^[0-9a-f]{32}$/);
const dsn: fc.Arbitrary<Dsn> = fc
  .record({
    protocol: fc.constantFrom('http', 'https'),
    key: hexKey,
    host: fc.stringMatching(/^[a-z][a-z0-9]{0,10}(\.[a-z]{2,6}){0,2}$/),
    // Ports that are no scheme's default: a default one is dropped by the URL standard.
    port: fc.option(fc.integer({ min: 1024, max: 65535 })),
    path: fc.array(fc.stringMatching(/^[a-z0-9-]{1,8}$/), { maxLength: 3 }),
    projectId: fc.stringMatching(/^[0-9]{1,18}$/),
  })
  .map(({ protocol, key, host, port, path, projectId }) => {
    const address = `${protocol}://${host}${port === null ? '' : `:${port}`}`;
    return { base: [address, ...path].join('/'), key, projectId };
  });

describe('parseDsn', () => {
  it('is the inverse of formatDsn', () => {
    fc.assert(fc.property(dsn, (parts) => expect(parseDsn(formatDsn(parts))).toEqual(parts)));
  });

  it('reads any text or refuses it with its own error', () => {
    const nearly = fc
      .tuple(fc.string(), hexKey, fc.string())
      .map(([a, key, b]) => `https://${a}${key}@${b}/1`);
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.webUrl(), nearly), (text) => {
        try {
          expect(parseDsn(text).key).toMatch(/^[0-9a-f]{32}$/);
        } catch (error) {
          expect(error).toBeInstanceOf(InvalidDsnError);
        }
      }),
    );
  });

  it.each([
    ['not a dsn', 'not a URL'],
    [`ftp://${KEY}@host/1`, 'protocol'],
    [`https://${KEY}:secret@host/1`, 'password'],
    ['https://host/1', '32 hex digits'],
    ['https://tooshort@host/1', '32 hex digits'],
    [`https://${KEY}0@host/1`, '32 hex digits'],
    [`https://${KEY}@host`, 'project id'],
    [`https://${KEY}@host/`, 'project id'],
    [`https://${KEY}@host/web`, 'project id'],
    [`https://${KEY}@host/1?x=1`, 'query'],
    [`https://${KEY}@host/1#x`, 'query'],
  ])('refuses %s and names what is wrong', (text, wrong) => {
    expect(() => parseDsn(text)).toThrow(InvalidDsnError);
    expect(() => parseDsn(text)).toThrow(wrong);
    expect(() => parseDsn(text)).not.toThrow(KEY);
  });

  it('marks its error with a code', () => {
    expect(new InvalidDsnError('x')).toMatchObject({ name: 'InvalidDsnError', code: 'INVALID_DSN' });
  });

  it('lowers the key, keeps port and path and puts the endpoint under them', () => {
    const parts = parseDsn(`http://${KEY.toUpperCase()}@[::1]:8080/errata/eu/7`);
    expect(parts).toEqual({ base: 'http://[::1]:8080/errata/eu', key: KEY, projectId: '7' });
    expect(endpointOf(parts)).toBe('http://[::1]:8080/errata/eu/v1/events');
  });
});
