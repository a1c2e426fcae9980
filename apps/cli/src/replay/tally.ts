import type { Reading } from './interpret.js';
import type { Delivery, Rejection } from './sender.js';

const EXAMPLES = 3;

/** Rejections of one code. */
export interface RejectedCode {
  count: number;
  /** The first ones, at most three. */
  examples: { line?: number; message: string; field?: string }[];
}

/** The count of a replay, in the shape that `--json` prints. */
export interface Tally {
  file: string;
  dry_run: boolean;
  /** Whole days by which times were moved. */
  shift_days: number;
  /** Lines that are not blank; the sum of events, skipped and unparseable. */
  lines: number;
  /** Error lines, each of which is one event. */
  events: number;
  /** Lines that are no errors: status below 400. */
  skipped: number;
  unparseable: number;
  /** The first line numbers that could not be read, at most three. */
  unparseable_lines: number[];
  /** Events in acknowledged requests. */
  sent: number;
  /** Events that the server holds durably; duplicates are among them. */
  accepted: number;
  rejected: number;
  rejected_by_code: Record<string, RejectedCode>;
  /** Events by HTTP status; `none` where an event names none. */
  by_status: Record<string, number>;
  /** Requests that had to be repeated. */
  retries: number;
  seconds: number;
  events_per_second: number;
}

/** A tally before the first line. */
export function emptyTally(file: string, dryRun: boolean): Tally {
  return {
    file,
    dry_run: dryRun,
    shift_days: 0,
    lines: 0,
    events: 0,
    skipped: 0,
    unparseable: 0,
    unparseable_lines: [],
    sent: 0,
    accepted: 0,
    rejected: 0,
    rejected_by_code: {},
    by_status: {},
    retries: 0,
    seconds: 0,
    events_per_second: 0,
  };
}

/** Counts one line that is not blank. */
export function countLine(tally: Tally, reading: Reading, position: number): void {
  tally.lines += 1;
  if (reading.kind === 'skipped') {
    tally.skipped += 1;
  } else if (reading.kind === 'unparseable') {
    tally.unparseable += 1;
    if (tally.unparseable_lines.length < EXAMPLES) tally.unparseable_lines.push(position);
  } else {
    tally.events += 1;
    const status = String(reading.status ?? 'none');
    tally.by_status[status] = (tally.by_status[status] ?? 0) + 1;
  }
}

/** Counts the server's answer to one batch. */
export function countDelivery(tally: Tally, delivery: Delivery): void {
  tally.sent += delivery.sent;
  tally.accepted += delivery.accepted;
  tally.rejected += delivery.rejected.length;
  for (const rejection of delivery.rejected) countRejection(tally, rejection);
}

function countRejection(tally: Tally, { code, position, message, field }: Rejection): void {
  const entry = (tally.rejected_by_code[code] ??= { count: 0, examples: [] });
  entry.count += 1;
  if (entry.examples.length >= EXAMPLES) return;
  entry.examples.push({
    ...(position !== undefined && { line: position }),
    message,
    ...(field !== undefined && { field }),
  });
}

/**
 * Fills in the time taken.
 * @param elapsedMs milliseconds from first line to last answer
 */
export function closeTally(tally: Tally, elapsedMs: number): Tally {
  const seconds = Math.round(elapsedMs) / 1_000;
  const rate = elapsedMs > 0 ? Math.round((tally.sent * 1_000) / elapsedMs) : 0;
  return { ...tally, seconds, events_per_second: rate };
}

/** The tally as lines for people. */
export function formatTally(tally: Tally): string {
  const rows: [string, string][] = [
    ['lines read', figure(tally.lines)],
    ['skipped', `${figure(tally.skipped)} (status below 400)`],
    ['unparseable', unparseableText(tally)],
    ['events', figure(tally.events)],
    ['by status', byStatusText(tally.by_status)],
    ['time shift', `${tally.shift_days} days`],
    ...(tally.dry_run ? [['sent', '0 (dry run)'] as [string, string]] : sendingRows(tally)),
  ];
  return rows.map(([label, value]) => `${label.padEnd(18)} ${value}\n`).join('');
}

function sendingRows(tally: Tally): [string, string][] {
  return [
    ['sent', figure(tally.sent)],
    ['accepted', `${figure(tally.accepted)} (duplicates among them are dropped by the worker)`],
    ['rejected', figure(tally.rejected)],
    ...Object.entries(tally.rejected_by_code).map(rejectedRow),
    ['requests repeated', figure(tally.retries)],
    ['time', `${tally.seconds.toFixed(1)} s, ${figure(tally.events_per_second)} events/s`],
  ];
}

function unparseableText(tally: Tally): string {
  if (tally.unparseable === 0) return '0';
  const more = tally.unparseable > tally.unparseable_lines.length ? ', …' : '';
  return `${figure(tally.unparseable)} (line ${tally.unparseable_lines.join(', ')}${more})`;
}

function rejectedRow([code, { count, examples }]: [string, RejectedCode]): [string, string] {
  const [first] = examples;
  const where = first?.line === undefined ? '' : `line ${first.line}: `;
  const field = first?.field === undefined ? '' : `${first.field}: `;
  return [`  ${code}`, `${figure(count)} (${where}${field}${first?.message ?? ''})`];
}

function byStatusText(byStatus: Record<string, number>): string {
  const entries = Object.entries(byStatus).map(([status, count]) => `${status}: ${figure(count)}`);
  return entries.length > 0 ? entries.join(', ') : 'none';
}

function figure(value: number): string {
  return value.toLocaleString('en-US');
}
