import { Webhook, WebhookVerificationError } from 'standardwebhooks';
import { newWebhookSecret, signWebhook } from './standard-webhooks.js';

const now = (): number => Math.floor(Date.now() / 1000);
const body = JSON.stringify({ code: 'TENANT_ACCESS_DENIED', tenant: 'größe-7' });

describe('signWebhook', () => {
  it('matches a signature computed by hand', () => {
    // printf 'msg_1.1700000000.{}' | openssl dgst -sha256 -mac HMAC -macopt hexkey:000102…1f -binary | base64
    const secret = 'whsec_' + Buffer.from(Array.from({ length: 32 }, (_, i) => i)).toString('base64');
    expect(
      signWebhook({ id: 'msg_1', timestampSeconds: 1_700_000_000, body: '{}', secrets: [secret] }),
    ).toEqual({
      'webhook-id': 'msg_1',
      'webhook-timestamp': '1700000000',
      'webhook-signature': 'v1,fhksJF5ElKjlPoT/jtefCO5XjQPvhf7Dhf/8R1ad9yU=',
    });
  });

  it('is accepted by the reference library, with either secret during a rotation', () => {
    const [old, fresh] = [newWebhookSecret(), newWebhookSecret()];
    const headers = signWebhook({ id: 'msg_2', timestampSeconds: now(), body, secrets: [fresh, old] });
    expect(new Webhook(old).verify(body, headers)).toEqual(JSON.parse(body));
    expect(new Webhook(fresh).verify(body, headers)).toEqual(JSON.parse(body));
    expect(() => new Webhook(newWebhookSecret()).verify(body, headers)).toThrow(WebhookVerificationError);
  });

  it('is refused once body, id, time or signature are changed', () => {
    const secret = newWebhookSecret();
    const headers = signWebhook({ id: 'msg_3', timestampSeconds: now(), body, secrets: [secret] });
    const verify = (text: string, changed: Record<string, string>) => () =>
      new Webhook(secret).verify(text, { ...headers, ...changed });
    expect(verify(body, {})).not.toThrow();
    expect(verify(`${body} `, {})).toThrow(WebhookVerificationError);
    expect(verify(body, { 'webhook-id': 'msg_4' })).toThrow(WebhookVerificationError);
    expect(verify(body, { 'webhook-timestamp': String(now() - 2) })).toThrow(WebhookVerificationError);
    expect(verify(body, { 'webhook-signature': 'v1,AAAA' })).toThrow(WebhookVerificationError);
  });

  it('is refused by the reference library when it is old', () => {
    const secret = newWebhookSecret();
    const headers = signWebhook({ id: 'msg_5', timestampSeconds: now() - 400, body, secrets: [secret] });
    expect(() => new Webhook(secret).verify(body, headers)).toThrow('too old');
  });

  it.each([
    ['an id with a dot', { id: 'a.b' }],
    ['an empty id', { id: '' }],
    ['a fraction of a second', { timestampSeconds: 1.5 }],
    ['no secret', { secrets: [] }],
    ['a secret without its prefix', { secrets: [Buffer.alloc(32).toString('base64')] }],
    ['a short secret', { secrets: ['whsec_' + Buffer.alloc(23).toString('base64')] }],
    ['a secret that is not base64', { secrets: ['whsec_' + '*'.repeat(44)] }],
  ])('throws for %s, without showing the secret', (_, wrong) => {
    const message = { id: 'msg_6', timestampSeconds: 1, body, secrets: [newWebhookSecret()], ...wrong };
    expect(() => signWebhook(message)).toThrow(RangeError);
    expect(() => signWebhook(message)).not.toThrow(/\*{5}|AAAAA/);
  });
});

describe('newWebhookSecret', () => {
  it('gives 32 fresh random bytes', () => {
    const secrets = Array.from({ length: 50 }, newWebhookSecret);
    expect(new Set(secrets).size).toBe(50);
    for (const secret of secrets) expect(Buffer.from(secret.slice(6), 'base64')).toHaveLength(32);
  });
});
