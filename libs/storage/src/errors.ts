/**
 * Whose fault a failed statement is, by SQLSTATE and never by message text: the infrastructure's
 * (retry for ever, nothing is lost) or the data's (no retry can help; find the row and set it aside).
 */
export type FaultKind = 'infrastructure' | 'data';

// 22xxx data exception, 23502 not-null, 23514 check, 54000 program limit (e.g. a key too long).
// A missing partition is also 23514, told apart below: it is ours to make, not the row's fault.
// 2200H, a sequence at its end, is nothing that a row could be blamed for.
const DATA_STATES = /^(22(?!00H)...|23502|23514|54000)$/;

/** SQLSTATE of an error from Prisma or pg, or undefined where none is in it. */
export function sqlState(error: unknown): string | undefined {
  for (const candidate of causes(error)) {
    for (const key of ['originalCode', 'code']) {
      const value = (candidate as Record<string, unknown>)[key];
      if (typeof value === 'string' && /^[0-9A-Z]{5}$/.test(value) && !value.startsWith('P2')) return value;
    }
  }
  return undefined;
}

/** Classifies a failure of the write path. Unknown failures count as infrastructure: retrying is safe. */
export function faultKind(error: unknown): FaultKind {
  if (error instanceof RangeError) return 'data';
  const state = sqlState(error);
  if (state === undefined || isMissingPartition(error)) return 'infrastructure';
  return DATA_STATES.test(state) ? 'data' : 'infrastructure';
}

/** True where the row's day has no partition yet. */
export function isMissingPartition(error: unknown): boolean {
  return sqlState(error) === '23514' && /no partition of relation/.test(fullMessage(error));
}

/** The database's own words, for dead letters and logs. */
export function fullMessage(error: unknown): string {
  const messages = [...causes(error)].map((cause) => {
    const { originalMessage, message } = cause as { originalMessage?: unknown; message?: unknown };
    return typeof originalMessage === 'string' ? originalMessage : typeof message === 'string' ? message : '';
  });
  return messages.filter(Boolean).at(-1) ?? String(error);
}

// Prisma wraps the driver's error: error.meta.driverAdapterError.cause.
function* causes(error: unknown): Generator<object> {
  let current = error;
  for (let depth = 0; depth < 6 && typeof current === 'object' && current !== null; depth++) {
    yield current;
    const { meta, cause } = current as { meta?: { driverAdapterError?: unknown }; cause?: unknown };
    current = meta?.driverAdapterError ?? cause;
  }
}
