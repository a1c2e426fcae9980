/** One row that breaks a batch, and how. */
export interface BadRow<T> {
  row: T;
  error: unknown;
}

/**
 * Finds the rows that a batch fails on, by trying halves: about 2·k·log2(n) tries for k bad rows.
 * @param tryRows undefined where the rows are fine together, else the error
 */
export async function findBadRows<T>(
  rows: readonly T[],
  tryRows: (rows: readonly T[]) => Promise<unknown>,
): Promise<Array<BadRow<T>>> {
  if (rows.length === 0) return [];
  const error = await tryRows(rows);
  if (error === undefined) return [];
  if (rows.length === 1) return [{ row: rows[0]!, error }];
  const middle = rows.length >> 1;
  const left = await findBadRows(rows.slice(0, middle), tryRows);
  const right = await findBadRows(rows.slice(middle), tryRows);
  return [...left, ...right];
}
