/** One SQL statement with its values, ready for `$queryRawUnsafe`. */
export interface Statement {
  text: string;
  values: unknown[];
}

/** Collects the values of a statement while its text is written. */
export interface Binder {
  values: unknown[];
  /** Adds a value and returns its cast placeholder, e.g. `$3::int[]`; it may be used repeatedly. */
  bind(value: unknown, type: string): string;
  /** Placeholder of an instant given in milliseconds since the epoch. */
  time(at: number): string;
}

/** A fresh {@link Binder}; the first value is `$1`. */
export function binder(): Binder {
  const values: unknown[] = [];
  const bind = (value: unknown, type: string) => `$${values.push(value)}::${type}`;
  return { values, bind, time: (at) => `to_timestamp(${bind(at / 1000, 'float8')})` };
}
