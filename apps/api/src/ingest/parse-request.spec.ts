import type { ApiError } from '@errata/contracts';
import { parseRequest } from './parse-request.js';

const JSON_TYPE = 'application/json';
const parse = (text: string, type: string | undefined = JSON_TYPE, max = 1000) =>
  parseRequest(Buffer.from(text), type, max);
const codeOf = (run: () => unknown) => {
  try {
    run();
  } catch (error) {
    return (error as ApiError).code;
  }
  return undefined;
};
const nested = (depth: number) => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;

describe('parseRequest', () => {
  it.each([
    ['one event', '{"a":1}', JSON_TYPE, 1],
    ['a batch', '{"events":[{"a":1},{"a":2}]}', JSON_TYPE, 2],
    ['an array', '[{"a":1},{"a":2},{"a":3}]', JSON_TYPE, 3],
    ['NDJSON', '{"a":1}\n\n{"a":2}\r\n', 'application/x-ndjson', 2],
    ['NDJSON under the wrong type', '{"a":1}\n{"a":2}', JSON_TYPE, 2],
    ['no type at all', '{"a":1}', undefined, 1],
  ])('reads %s', (_, text, type, count) => {
    const entries = parse(text, type);
    expect(entries).toHaveLength(count);
    expect(entries.every((entry) => entry.ok)).toBe(true);
  });

  it.each([
    ['nothing', ' \n ', 'EMPTY_BATCH'],
    ['an empty batch', '{"events":[]}', 'EMPTY_BATCH'],
    ['broken JSON', '{"a":', 'MALFORMED_JSON'],
    ['a number', '42', 'INVALID_EVENT'],
    ['events that are no list', '{"events":"x"}', 'INVALID_FIELD'],
    ['a body nested beyond reason', nested(3_000), 'TOO_DEEP'],
  ])('refuses %s', (_, text, code) => {
    expect(codeOf(() => parse(text))).toBe(code);
  });

  it('says where the JSON breaks', () => {
    expect(() => parse('{"a": 1,\n "b": }')).toThrow(/line 2/);
  });

  it('refuses more events than are taken at once', () => {
    expect(codeOf(() => parse('[{},{},{}]', JSON_TYPE, 2))).toBe('TOO_MANY_EVENTS');
  });

  it.each([
    ['lines without JSON', 'x\n', 'application/x-ndjson'],
    ['lines with a first event', '{}\n', JSON_TYPE],
  ])('counts all of a megabyte of %s in a blink', (_, line, type) => {
    const count = Math.floor(2 ** 20 / line.length);
    const started = performance.now();
    expect(() => parse(line.repeat(count), type)).toThrow(expect.objectContaining({ count }));
    expect(performance.now() - started).toBeLessThan(500);
  });

  it('refuses a megabyte of almost JSON in a blink', () => {
    const started = performance.now();
    expect(() => parse(`{${'\n'.repeat(2 ** 20)}x`)).toThrow(/line 1048577, column 1/);
    expect(performance.now() - started).toBeLessThan(500);
  });

  it('says where the first bad lines break and only names the others', () => {
    const entries = parse('{x\n'.repeat(8), 'application/x-ndjson');
    const messages = entries.map((entry) => (entry.ok ? '' : entry.message));
    expect(messages.filter((message) => /column 2/.test(message))).toHaveLength(5);
    expect(messages.at(-1)).toBe('is not JSON');
  });

  it('fails a line nested beyond reason and keeps its neighbours', () => {
    const entries = parse(`{}\n${nested(3_000)}\n{}`, 'application/x-ndjson');
    expect(entries.map((entry) => (entry.ok ? 'ok' : entry.code))).toEqual(['ok', 'TOO_DEEP', 'ok']);
  });

  it('fails one bad line and keeps its neighbours', () => {
    const entries = parse('{"a":1}\n{broken\n{"a":2}', 'application/x-ndjson');
    expect(entries.map((entry) => entry.ok)).toEqual([true, false, true]);
    expect(entries[1]).toMatchObject({ code: 'MALFORMED_JSON' });
  });

  it('fails one event that is too deep and keeps its neighbours', () => {
    const entries = parse(`{"events":[{"a":1},${nested(80)},${nested(60)}]}`);
    expect(entries.map((entry) => (entry.ok ? 'ok' : entry.code))).toEqual(['ok', 'TOO_DEEP', 'ok']);
  });
});
