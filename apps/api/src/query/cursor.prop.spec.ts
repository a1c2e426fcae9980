import { ApiError } from '@errata/contracts';
import fc from 'fast-check';
import { z } from 'zod';
import { decodeCursor, encodeCursor } from './cursor.js';
import type { CursorScope } from './cursor.js';

const key = z.strictObject({ at: z.int(), id: z.string() });
const scope: CursorScope = {
  route: 'events',
  projectId: 1,
  filters: { code: ['A', 'B'], status: [403] },
  range: ['-24h', 'now'],
};
const window = { from: 1_000, to: 2_000 };

const codeOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    if (error instanceof ApiError) return error.code;
    throw error;
  }
  return 'none';
};

describe('cursors', () => {
  it('come back as they were, for the same query in any order of values', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0 }), fc.string(), (at, id) => {
        const text = encodeCursor(scope, { window, after: { at, id } });
        expect(text).toMatch(/^[\w-]+$/);
        const same = { ...scope, filters: { status: [403], code: ['B', 'A'] } };
        expect(decodeCursor(same, text, key)).toEqual({ window, after: { at, id } });
      }),
    );
  });

  it.each<[string, Partial<CursorScope>]>([
    ['route', { route: 'codes' }],
    ['project', { projectId: 2 }],
    ['filters', { filters: { code: ['A'] } }],
    ['no filters', { filters: {} }],
    ['range', { range: ['-7d', 'now'] }],
  ])('are refused for another %s', (_, change) => {
    const text = encodeCursor(scope, { window, after: { at: 1, id: 'a' } });
    expect(codeOf(() => decodeCursor({ ...scope, ...change }, text, key))).toBe('INVALID_CURSOR');
  });

  it('are refused, and nothing worse, whatever else the text is', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.base64String(), fc.json().map(base64url)), (text) => {
        expect(codeOf(() => decodeCursor(scope, text, key))).toBe('INVALID_CURSOR');
      }),
    );
  });

  it('do not reach past the limits of a range', () => {
    const text = encodeCursor(scope, { window: { from: 0, to: 1e15 }, after: { at: 1, id: 'a' } });
    expect(codeOf(() => decodeCursor(scope, text, key))).toBe('INVALID_RANGE');
    const other = encodeCursor(scope, { window, after: { at: 'x', id: 'a' } });
    expect(codeOf(() => decodeCursor(scope, other, key))).toBe('INVALID_CURSOR');
  });
});

const base64url = (text: string) => Buffer.from(text).toString('base64url');
