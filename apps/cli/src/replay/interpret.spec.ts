import { lineEventId } from './identity.js';
import { createInterpreter } from './interpret.js';
import type { Format, Reading } from './interpret.js';
import { DAY_MS } from './shift.js';

const options = { service: 'access-log', withIp: false };
const TIME = '17/May/2015:10:05:03 +0000';
const combined = (status: number): string => `192.0.2.7 - - [${TIME}] "GET /a HTTP/1.1" ${status} 1 "-" "-"`;

function readAll(format: Format, lines: string[]): Reading['kind'][] {
  const interpret = createInterpreter(format, options);
  return lines.map((text, index) => interpret(text, index + 1).kind);
}

function rendered(text: string, shiftMs: number, position = 7): Record<string, unknown> {
  const reading = createInterpreter('auto', options)(text, position);
  if (reading.kind !== 'event') throw new Error(`no event: ${text}`);
  return JSON.parse(reading.render(shiftMs)) as Record<string, unknown>;
}

describe('createInterpreter', () => {
  it.each([
    [200, 'skipped'],
    [304, 'skipped'],
    [101, 'skipped'],
    [399, 'skipped'],
    [400, 'event'],
    [599, 'event'],
  ])('a combined line of status %i is %s', (status, kind) => {
    expect(readAll('combined', [combined(status)])).toEqual([kind]);
  });

  it('finds the format by the first readable line and keeps to it', () => {
    expect(readAll('auto', ['# a comment', combined(200), '{}', combined(500)])).toEqual([
      'unparseable',
      'skipped',
      'unparseable',
      'event',
    ]);
    expect(readAll('auto', ['', '{"error":{"code":"A"}}', combined(500)])).toEqual([
      'unparseable',
      'event',
      'unparseable',
    ]);
  });

  it('reads only the format that was named', () => {
    expect(readAll('ndjson', [combined(500), '{}'])).toEqual(['unparseable', 'event']);
    expect(readAll('combined', ['{}', combined(500)])).toEqual(['unparseable', 'event']);
  });

  it.each(['[]', '[{}]', '"text"', '1', 'null', '{"a":1} x', '{'])('%s is no NDJSON event', (text) => {
    expect(readAll('ndjson', [text])).toEqual(['unparseable']);
  });

  it('leaves the text of an event with an id untouched, digit by digit', () => {
    const text =
      '{ "event_id":"a", "attributes":{"n":12345678901234567890}, "timestamp":"2026-01-01T00:00:00Z" }';
    const reading = createInterpreter('auto', options)(text, 1);
    expect(reading.kind === 'event' && reading.render(0)).toBe(text);
  });

  it('gives an id to an event without one, whatever the shift', () => {
    const text = '{"timestamp":"2026-01-01T00:00:00Z","event_id":null,"http":{"status":404}}';
    const id = lineEventId(text, 7);
    expect(rendered(text, 0)).toEqual({
      timestamp: '2026-01-01T00:00:00Z',
      event_id: id,
      http: { status: 404 },
    });
    expect(rendered(text, DAY_MS)['event_id']).toBe(id);
  });

  it('moves the time of NDJSON events and keeps their own id', () => {
    const moved = rendered('{"event_id":"a","timestamp":"2026-01-01T00:00:00Z"}', DAY_MS);
    expect(moved).toEqual({ event_id: 'a', timestamp: '2026-01-02T00:00:00.000Z' });
    expect(rendered('{"event_id":"a"}', DAY_MS)).toEqual({ event_id: 'a' });
  });

  it('gives a combined line the same id with and without a shift', () => {
    const [plain, moved] = [rendered(combined(404), 0), rendered(combined(404), DAY_MS)];
    expect(plain['event_id']).toBe(lineEventId(combined(404), 7));
    expect(moved).toEqual({ ...plain, timestamp: '2015-05-18T10:05:03.000Z' });
  });

  it.each([
    ['{"http":{"status":404},"response":{"status":500}}', 404],
    ['{"response":{"status":500}}', 500],
    ['{"http":{"status":"404"}}', undefined],
    ['{"http":null}', undefined],
  ])('%s counts under status %p', (text, status) => {
    expect(createInterpreter('ndjson', options)(text, 1)).toMatchObject({ kind: 'event' });
    const reading = createInterpreter('ndjson', options)(text, 1);
    expect(reading.kind === 'event' && reading.status).toBe(status);
  });
});
