import fc from 'fast-check';
import { cut, toJson } from './json.js';

const copy = (value: unknown): unknown => JSON.parse(toJson(value)) as unknown;

describe('toJson', () => {
  it('keeps ordinary JSON as it is', () => {
    const value = fc.jsonValue({ maxDepth: 4 }).filter((json) => !JSON.stringify(json).includes('__proto__'));
    fc.assert(fc.property(value, (json) => expect(copy(json)).toEqual(JSON.parse(JSON.stringify(json)))));
  });

  it('makes bounded JSON of anything', () => {
    const anything = fc.anything({ withBigInt: true, withDate: true, withMap: true, withSparseArray: true });
    fc.assert(fc.property(anything, (value) => expect(() => copy({ value })).not.toThrow()));
  });

  it.each([
    ['BigInt', 10n, '10'],
    ['numbers without JSON', [Number.NaN, Number.POSITIVE_INFINITY], ['NaN', 'Infinity']],
    ['dates', new Date(0), '1970-01-01T00:00:00.000Z'],
    ['functions and undefined', { f: () => 1, u: undefined, n: null }, { n: null }],
    ['errors', new TypeError('bad'), { name: 'TypeError', message: 'bad' }],
    ['a name that would be a prototype', JSON.parse('{"__proto__":{"x":1},"y":2}'), { y: 2 }],
  ])('copes with %s', (_, value, expected) => {
    expect(copy(value)).toEqual(expected);
  });

  it('cuts cycles and throwing getters, not repeated siblings', () => {
    const shared = { a: 1 };
    const value: Record<string, unknown> = { one: shared, two: shared };
    value.self = value;
    Object.defineProperty(value, 'trap', { enumerable: true, get: () => JSON.parse('{') as unknown });
    expect(copy(value)).toEqual({ one: { a: 1 }, two: { a: 1 }, self: '[Truncated]' });
  });

  it('bounds depth, breadth and text', () => {
    let deep: unknown = 'bottom';
    for (let level = 0; level < 100; level += 1) deep = { deep };
    expect(toJson(deep)).toContain('[Truncated]');
    expect((copy(Array.from({ length: 10_000 }, () => 1)) as unknown[]).length).toBeLessThan(2_001);
    expect((copy('x'.repeat(100_000)) as string).length).toBe(65_536);
    expect(toJson(Array.from({ length: 100 }, () => 'x'.repeat(60_000))).length).toBeLessThan(210_000);
  });
});

describe('cut', () => {
  it('leaves no half of a surrogate pair', () => {
    expect(cut('ab😀', 3)).toBe('ab');
    expect(cut('ab😀', 4)).toBe('ab😀');
  });
});
