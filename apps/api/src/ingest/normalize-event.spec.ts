import { DAY, HOUR, MINUTE } from '@errata/core';
import { uuidV7 } from '@errata/platform';
import { normalizeEvent } from './normalize-event.js';
import type { Normalized } from './normalize-event.js';

const NOW = Date.parse('2026-11-22T10:00:00Z');
const SENDER = { multiTenant: false, retentionDays: 30 };
const take = (raw: unknown, sender = SENDER): Normalized => normalizeEvent(raw, sender, NOW);
const good = (raw: unknown) => {
  const result = take(raw);
  if (!result.ok) throw new Error(`${result.field}: ${result.message}`);
  return result.event;
};
const error = { code: 'X' };

describe('normalizeEvent', () => {
  it.each([
    ['no object', 'text', undefined, /must be an object.*not a string/],
    ['null', null, undefined, /not null/],
    ['an array', [], undefined, /not an array/],
    ['nothing said', { tenant: 'acme' }, 'error', /at least one of error, http.status or response/],
    ['a wrong type', { error, tenant: { id: 1 } }, 'tenant', /expected string/i],
    ['a wrong nested type', { http: { status: '403' } }, 'http.status', /whole number/],
    ['a status that is none', { http: { status: 42 } }, 'http.status', /between 100 and 599/],
    ['a status with a fraction', { http: { status: 403.5 } }, 'http.status', /whole number/],
    ['a name too long', { error, service: 'x'.repeat(201) }, 'service', /at most 200/],
    ['an id that is no UUID', { error, event_id: 'abc' }, 'event_id', /32 hex digits/],
    ['a time that is none', { error, timestamp: 'yesterday' }, 'timestamp', /RFC 3339/],
    ['a time that is impossible', { error, timestamp: '2026-13-45T00:00:00Z' }, 'timestamp', /RFC 3339/],
    ['an attempt of 0', { error, attempt: 0 }, 'attempt', /first try is 1/],
  ])('refuses %s, naming the field and the fix', (_, raw, field, message) => {
    const result = take(raw);
    expect(result).toMatchObject({ ok: false, code: 'INVALID_EVENT' });
    if (result.ok) return;
    expect(result.field).toBe(field);
    expect(result.message).toMatch(message);
  });

  it.each([
    ['just inside the past', NOW - 30 * DAY + MINUTE, true],
    ['just outside the past', NOW - 30 * DAY - MINUTE, false],
    ['a clock nine minutes ahead', NOW + 9 * MINUTE, true],
    ['a clock eleven minutes ahead', NOW + 11 * MINUTE, false],
  ])('holds the time to the window: %s', (_, at, ok) => {
    const result = take({ error, timestamp: new Date(at).toISOString() });
    expect(result.ok).toBe(ok);
    if (!result.ok) expect(result).toMatchObject({ code: 'TIMESTAMP_OUT_OF_WINDOW', field: 'timestamp' });
  });

  it.each([
    ['RFC 3339', '2026-11-22T09:00:00.123Z', NOW - HOUR + 123],
    ['an offset', '2026-11-22T10:00:00+01:00', NOW - HOUR],
    ['a blank for the T', '2026-11-22 09:00:00Z', NOW - HOUR],
    ['seconds', (NOW - HOUR) / 1000, NOW - HOUR],
    ['seconds with a fraction', (NOW - HOUR) / 1000 + 0.25, NOW - HOUR + 250],
    ['seconds as text', String((NOW - HOUR) / 1000), NOW - HOUR],
    ['milliseconds', NOW - HOUR, NOW - HOUR],
  ])('reads %s', (_, timestamp, at) => {
    expect(good({ error, timestamp })).toMatchObject({ occurredAt: at });
  });

  it('takes the time out of a UUIDv7 where no other is given, so that a resend says the same', () => {
    const event = good({ error, event_id: uuidV7(NOW - 2_000) });
    expect(event.occurredAt).toBe(NOW - 2_000);
    expect(event.timeless).toBeUndefined();
  });

  it.each([
    ['11 minutes ahead', NOW + 11 * MINUTE],
    ['older than is kept', NOW - 31 * DAY],
  ])('passes over the time of a UUIDv7 that lies %s', (_, made) => {
    expect(good({ error, event_id: uuidV7(made) })).toMatchObject({ occurredAt: NOW, timeless: true });
  });

  it.each(['2026-11-22T03:00:00', '2026-11-22 03:00', '2026-11-22T03:00:00.000', '2026-11-22T03:00:00 UTC'])(
    'reads %s as UTC, wherever the server stands',
    (timestamp) => {
      // The zone of a running process is fixed, so this watches that the engine never gets to choose one.
      const parse = jest.spyOn(Date, 'parse');
      try {
        expect(good({ error, timestamp }).occurredAt).toBe(Date.UTC(2026, 10, 22, 3));
        expect(parse).toHaveBeenCalledWith(expect.stringMatching(/T03:00:00(\.\d+)?Z$/));
      } finally {
        parse.mockRestore();
      }
    },
  );

  it.each(['+01', '+0100', '+01:00'])('reads the offset %s', (offset) => {
    expect(good({ error, timestamp: `2026-11-22T10:00:00${offset}` }).occurredAt).toBe(NOW - HOUR);
  });

  it('marks an event that has an id but no time', () => {
    expect(good({ error, event_id: '0'.repeat(12) + '4' + '0'.repeat(19) })).toMatchObject({
      occurredAt: NOW,
      timeless: true,
    });
  });

  it('demands a tenant of a multi-tenant key', () => {
    const strict = { multiTenant: true, retentionDays: 30 };
    for (const tenant of [undefined, null, '', '  ']) {
      expect(take({ error, tenant }, strict)).toMatchObject({
        ok: false,
        code: 'TENANT_REQUIRED',
        field: 'tenant',
      });
    }
    expect(take({ error, tenant: 'acme' }, strict).ok).toBe(true);
  });

  it('repairs what Postgres cannot hold and says so', () => {
    const event = good({ error: { code: 'X', message: 'a\0b\ud800c' } });
    expect(event.error?.message).toBe('a\uFFFDb\uFFFDc');
  });

  it('scrubs secrets before the queue', () => {
    const event = good({
      error,
      attributes: { password: 'hunter2', card: 'pay 4111 1111 1111 1111' },
      response: {
        status: 401,
        headers: { Authorization: 'Bearer abcdefghijklmnop', 'Retry-After': '5' },
        body: '{"token":"s3cr3t-value","ok":1}',
      },
    });
    const text = JSON.stringify(event);
    for (const secret of ['hunter2', '4111 1111 1111 1111', 'abcdefghijklmnop', 's3cr3t-value'])
      expect(text).not.toContain(secret);
    expect(event.response?.headers?.['retry-after']).toBe('5');
    expect(event.response?.body).toMatchObject({ ok: 1 });
  });

  it('keeps a misspelt field where it can be found', () => {
    const event = good({ error, tennant: 'acme' });
    expect(event.attributes).toEqual({ tennant: 'acme' });
    expect(event.notes?.join()).toMatch(/tennant: unknown field/);
  });

  it('reads numbers where text is meant and null as absent', () => {
    expect(good({ error: { code: 1042 }, user: 7, tenant: null, http: { retry_after: 30 } })).toMatchObject({
      error: { code: '1042' },
      user: '7',
      http: { retryAfter: '30' },
    });
  });
});
