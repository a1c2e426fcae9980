import { createHash } from 'node:crypto';
import { ApiError } from '@errata/contracts';
import type { EventFilters, TimeWindow } from '@errata/storage';
import { z } from 'zod';
import { checkedWindow } from './parse-query.js';

/** What a cursor belongs to: used with anything else, it is refused. */
export interface CursorScope {
  route: string;
  projectId: number;
  filters: EventFilters;
  /** `from` and `to` as they were written: a cursor keeps the instants that they meant on the first page. */
  range: readonly [from: string, to: string];
}

/** Where the next page starts. */
export interface CursorPosition<K> {
  window: TimeWindow;
  after: K;
}

const document = z.tuple([z.literal(1), z.string(), z.int(), z.int(), z.unknown()]);

/** An opaque text for the page after `after`. */
export function encodeCursor<K>(scope: CursorScope, { window, after }: CursorPosition<K>): string {
  return Buffer.from(JSON.stringify([1, fingerprint(scope), window.from, window.to, after])).toString(
    'base64url',
  );
}

/**
 * Reads a cursor back.
 * @throws ApiError INVALID_CURSOR for what is none, or one of another query
 */
export function decodeCursor<K>(scope: CursorScope, text: string, key: z.ZodType<K>): CursorPosition<K> {
  const parsed = document.safeParse(parse(text));
  const after = parsed.success ? key.safeParse(parsed.data[4]) : undefined;
  if (!parsed.success || after?.success !== true) {
    throw refused('is not a cursor: give `next_cursor` of the page before, unchanged');
  }
  if (parsed.data[1] !== fingerprint(scope)) {
    throw refused('belongs to another query: keep every parameter but `limit` as on the first page');
  }
  return { window: checkedWindow({ from: parsed.data[2], to: parsed.data[3] }), after: after.data };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
  } catch {
    return undefined;
  }
}

const refused = (message: string) =>
  new ApiError('INVALID_CURSOR', `The cursor ${message}.`, { errors: [{ field: 'cursor', message }] });

// Not a secret: everything that a cursor says is checked again. It only tells mix-ups from pages.
function fingerprint({ route, projectId, filters, range }: CursorScope): string {
  const sorted = Object.entries(filters)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, values]) => [name, [...(values as ReadonlyArray<string | number>)].sort()]);
  const text = JSON.stringify([route, projectId, sorted, range]);
  return createHash('sha256').update(text).digest('base64url').slice(0, 16);
}
