import { InvalidArgumentError } from 'commander';

const UNIT_MS: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** A commander parser for whole numbers from `min` to `max`. */
export function integerOption(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  };
}

/** A commander parser for numbers that are zero or more. */
export function amountOption(text: string): number {
  const value = Number(text);
  if (/^\d+(\.\d+)?$/.test(text) && Number.isFinite(value)) return value;
  throw new InvalidArgumentError('It must be a number, zero or more.');
}

/** A commander parser for durations, `90`, `90s`, `5m`, `1h`, `500ms`; gives milliseconds. */
export function durationOption(text: string): number {
  const [, amount, unit = 's'] = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text) ?? [];
  if (amount !== undefined) return Number(amount) * (UNIT_MS[unit] ?? 1_000);
  throw new InvalidArgumentError('It must be a duration such as 90s, 5m or 1h.');
}

/** A commander collector for `key=value` options. */
export function pairOption(text: string, before: Record<string, string>): Record<string, string> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('It must look like key=value.');
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}
