import { createServer } from 'node:http';
import type { IncomingMessage, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { Sender } from './sender.js';
import type { Batch, Delivery } from './sender.js';

/** What the server under test answers to the n-th request. */
type Reply = { status: number; headers?: Record<string, string>; body?: unknown };
type Seen = { headers: IncomingMessage['headers']; url?: string; ids: string[] };

let server: Server;
let seen: Seen[];
let busy: number;
let mostBusy: number;
let answer: (request: Seen, nth: number) => Reply | 'drop' | Promise<Reply>;
const deliveries: Delivery[] = [];
const reasons: string[] = [];

const all = (request: Seen): Reply => ({
  status: 202,
  body: { accepted: request.ids.length, rejected: [], request_id: 'r1' },
});

beforeEach(async () => {
  seen = [];
  busy = 0;
  mostBusy = 0;
  deliveries.length = 0;
  reasons.length = 0;
  answer = all;
  server = createServer((request, response) => {
    void (async () => {
      mostBusy = Math.max(mostBusy, ++busy);
      const { events } = JSON.parse(gunzipSync(await buffer(request)).toString()) as {
        events: { id: string }[];
      };
      const entry = { headers: request.headers, url: request.url, ids: events.map((event) => event.id) };
      const reply = await answer(entry, seen.push(entry));
      busy -= 1;
      if (reply === 'drop') return request.socket.destroy();
      response.writeHead(reply.status, reply.headers);
      return response.end(typeof reply.body === 'string' ? reply.body : JSON.stringify(reply.body ?? {}));
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

function sender(giveUpAfterMs = 10_000): Sender {
  const { port } = server.address() as AddressInfo;
  return new Sender({
    target: { eventsUrl: `http://127.0.0.1:${port}/prefix/v1/events`, key: 'k1' },
    giveUpAfterMs,
    now: () => Date.now(),
    random: () => 0,
    onDelivery: (delivery) => deliveries.push(delivery),
    onRetry: (reason) => reasons.push(reason),
  });
}

function batchOf(...ids: string[]): Batch {
  return { events: ids.map((id) => JSON.stringify({ id })), positions: ids.map((_id, index) => index + 11) };
}

async function sendAll(sending: Sender, ...batches: Batch[]): Promise<void> {
  for (const batch of batches) await sending.submit(batch);
  await sending.drain();
}

describe('Sender', () => {
  it('posts gzipped batches with the key and reports what was accepted', async () => {
    await sendAll(sender(), batchOf('a', 'b'));
    expect(seen).toHaveLength(1);
    expect(seen[0]).toMatchObject({
      url: '/prefix/v1/events',
      ids: ['a', 'b'],
      headers: { authorization: 'Bearer k1', 'content-encoding': 'gzip', 'content-type': 'application/json' },
    });
    expect(deliveries).toEqual([{ sent: 2, accepted: 2, rejected: [], requestId: 'r1' }]);
  });

  it('names line, code, message and field of what was rejected', async () => {
    const rejected = [
      { index: 1, code: 'INVALID_FIELD', message: 'must be\n\u001b[31m text', field: 'tenant' },
    ];
    answer = () => ({ status: 202, body: { accepted: 1, rejected, request_id: 'r1' } });
    await sendAll(sender(), batchOf('a', 'b'));
    expect(deliveries[0]?.rejected).toEqual([
      { index: 1, position: 12, code: 'INVALID_FIELD', message: 'must be [31m text', field: 'tenant' },
    ]);
  });

  it('waits as long as a 429 asks and sends the same batch again', async () => {
    answer = (request, nth) => (nth === 1 ? { status: 429, headers: { 'retry-after': '1' } } : all(request));
    const startedAt = Date.now();
    await sendAll(sender(), batchOf('a', 'b'));
    expect(Date.now() - startedAt).toBeGreaterThanOrEqual(1_000);
    expect(seen.map((request) => request.ids)).toEqual([
      ['a', 'b'],
      ['a', 'b'],
    ]);
    expect(deliveries).toHaveLength(1);
  });

  it('backs off from 503 and broken connections until the server is back', async () => {
    const body = { code: 'QUEUE_UNAVAILABLE' };
    answer = (request, nth) => (nth === 1 ? { status: 503, body } : nth === 2 ? 'drop' : all(request));
    await sendAll(sender(), batchOf('a'));
    expect(seen).toHaveLength(3);
    expect(deliveries).toHaveLength(1);
    expect(reasons).toEqual([
      'the server answered 503 QUEUE_UNAVAILABLE',
      expect.stringMatching(/^cannot reach 127\.0\.0\.1:\d+: /),
    ]);
  });

  it('keeps two requests on the way, not three', async () => {
    answer = async (request) => {
      await new Promise((resolve) => setTimeout(resolve, 50));
      return all(request);
    };
    await sendAll(sender(), ...['a', 'b', 'c', 'd', 'e', 'f'].map((id) => batchOf(id)));
    expect(mostBusy).toBe(2);
    expect(seen.flatMap((request) => request.ids).sort()).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
  });

  it('halves a batch that is too large and gives up on the single event that is', async () => {
    const body = { code: 'BODY_TOO_LARGE', detail: 'too many bytes' };
    answer = (request) => (request.ids.includes('big') ? { status: 413, body } : all(request));
    await sendAll(sender(), batchOf('a', 'b', 'big', 'c'));
    const sent = deliveries.reduce((sum, delivery) => sum + delivery.sent, 0);
    const accepted = deliveries.reduce((sum, delivery) => sum + delivery.accepted, 0);
    expect([sent, accepted]).toEqual([4, 3]);
    expect(deliveries.flatMap((delivery) => delivery.rejected)).toEqual([
      { index: 0, position: 13, code: 'BODY_TOO_LARGE', message: 'too many bytes' },
    ]);
  });

  it.each<[string, Reply, RegExp]>([
    [
      'a 400 by code, detail, field and request id',
      {
        status: 400,
        body: {
          code: 'NO_USABLE_EVENT',
          detail: 'No event could be read.',
          request_id: 'r9',
          errors: [{ field: 'events[0].timestamp', message: 'is in the future' }],
        },
      },
      /^the server refused the events: 400 NO_USABLE_EVENT: No event could be read\. \(events\[0\]\.timestamp: is in the future\) \[request r9\]$/,
    ],
    [
      'a 401',
      { status: 401, body: { code: 'KEY_UNKNOWN', detail: 'Wrong key.' } },
      /401 KEY_UNKNOWN: Wrong key\./,
    ],
    ['a problem without code', { status: 403, body: { title: 'Forbidden' } }, /: 403: Forbidden$/],
    ['a foreign 404', { status: 404, body: '<html>' }, /answered 404; is the DSN that of an Errata server\?/],
    ['a redirect', { status: 301, headers: { location: '/' } }, /answered 301/],
    ['a foreign 200', { status: 200, body: 'hello' }, /without saying what it accepted/],
  ])('stops at %s without a second try', async (_name, reply, message) => {
    answer = () => reply;
    await expect(sendAll(sender(), batchOf('a'))).rejects.toThrow(message);
    expect(seen).toHaveLength(1);
    expect(deliveries).toEqual([]);
  });

  it('takes no more batches after a refusal', async () => {
    answer = () => ({ status: 401, body: { code: 'KEY_UNKNOWN' } });
    const sending = sender();
    await expect(sendAll(sending, batchOf('a'))).rejects.toThrow(/KEY_UNKNOWN/);
    await expect(sending.submit(batchOf('b'))).rejects.toThrow(/KEY_UNKNOWN/);
    expect(seen).toHaveLength(1);
  });

  it('does not leave the other request waiting when one is refused', async () => {
    answer = (request) =>
      request.ids.includes('slow')
        ? { status: 503, headers: { 'retry-after': '9' } }
        : { status: 401, body: { code: 'KEY_UNKNOWN' } };
    const startedAt = Date.now();
    const sending = sender();
    await sending.submit(batchOf('slow'));
    while (reasons.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await expect(sendAll(sending, batchOf('a'))).rejects.toThrow(/KEY_UNKNOWN/);
    expect(Date.now() - startedAt).toBeLessThan(3_000);
  });

  it('gives up after a while without progress', async () => {
    answer = () => ({ status: 503 });
    await expect(sendAll(sender(300), batchOf('a'))).rejects.toThrow(
      /^gave up after 0 s without progress: the server answered 503/,
    );
    expect(seen.length).toBeGreaterThan(1);
  });

  it('stays patient with one batch as long as others get through', async () => {
    const startedAt = Date.now();
    answer = (request) =>
      request.ids.includes('slow') && Date.now() - startedAt < 1_200 ? { status: 503 } : all(request);
    const sending = sender(600);
    await sending.submit(batchOf('slow'));
    for (let other = 0; other < 12; other += 1) {
      await sending.submit(batchOf(`other-${other}`));
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    await sending.drain();
    expect(deliveries).toHaveLength(13);
  });

  it('does not wait for a Retry-After beyond its patience', async () => {
    answer = () => ({ status: 429, headers: { 'retry-after': '3600' } });
    await expect(sendAll(sender(5_000), batchOf('a'))).rejects.toThrow(/asked to wait 3600 s/);
    expect(seen).toHaveLength(1);
  });
});
