import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from './failure.js';
import type { CommandIo } from './failure.js';
import { createInterpreter } from './interpret.js';
import type { Format, InterpretOptions, Interpreter } from './interpret.js';
import { startProgress } from './progress.js';
import type { Progress } from './progress.js';
import { openSource } from './reader.js';
import type { Source } from './reader.js';
import { Sender } from './sender.js';
import type { Batch } from './sender.js';
import { DAY_MS, shiftDays } from './shift.js';
import { closeTally, countDelivery, countLine, emptyTally } from './tally.js';
import type { Tally } from './tally.js';
import type { Target } from './target.js';

/** Most JSON in one request, in characters: well under the limits of servers and proxies. */
const MAX_BATCH_CHARS = 1_000_000;

export interface ReplayOptions extends InterpretOptions {
  /** A path, or `-` for standard input. */
  file: string;
  format: Format;
  shiftToNow: boolean;
  /** Events per second; 0 sends as fast as the server takes them. */
  rate: number;
  /** Most events in one request. */
  batch: number;
  /** Where to send; undefined counts only. */
  target?: Target;
  /** Longest time without progress, in milliseconds. */
  giveUpAfterMs: number;
}

/** Takes each event's JSON; resolves when there is room for the next. */
interface Outlet {
  push: (json: string, position: number) => Promise<void>;
  finish: () => Promise<void>;
}

/** A replay that failed half-way, with what was done until then. */
export class ReplayStopped extends Failure {
  constructor(
    message: string,
    readonly tally: Tally,
  ) {
    super(message);
  }
}

/**
 * Sends a file of events or an access log, one pass, in bounded memory (two passes with a shift: the
 * first finds the newest line).
 * @throws ReplayStopped where nothing in the input was usable or the server refused it
 */
export async function replay(options: ReplayOptions, io: CommandIo): Promise<Tally> {
  const tally = emptyTally(options.file, options.target === undefined);
  const startedAt = io.now();
  const source = await openSource(options.file, { stdin: io.stdin, repeatable: options.shiftToNow });
  const read = () => ({ bytes: source.bytesRead(), total: source.size, tally });
  const progress = startProgress(io.stderr, read);
  try {
    if (options.shiftToNow) tally.shift_days = await findShift(source, options, startedAt);
    await sendLines(source, options, tally, createOutlet(options, tally, progress, io));
    requireUsable(source.name, tally);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    throw new ReplayStopped(error.message, closeTally(tally, io.now() - startedAt));
  } finally {
    progress.stop();
    await source.close();
  }
  return closeTally(tally, io.now() - startedAt);
}

async function findShift(source: Source, options: ReplayOptions, now: number): Promise<number> {
  const interpret = createInterpreter(options.format, options);
  let newest: number | undefined;
  for await (const { text, position } of source.lines()) {
    const reading = interpret(text, position);
    if (reading.kind !== 'unparseable' && reading.time !== undefined) {
      newest = Math.max(newest ?? reading.time, reading.time);
    }
  }
  return newest === undefined ? 0 : shiftDays(newest, now);
}

async function sendLines(
  source: Source,
  options: ReplayOptions,
  tally: Tally,
  outlet: Outlet,
): Promise<void> {
  const interpret: Interpreter = createInterpreter(options.format, options);
  const shiftMs = tally.shift_days * DAY_MS;
  for await (const { text, position } of source.lines()) {
    if (text.trim() === '') continue;
    const reading = interpret(text, position);
    countLine(tally, reading, position);
    if (reading.kind === 'event') await outlet.push(reading.render(shiftMs), position);
  }
  await outlet.finish();
}

function createOutlet(options: ReplayOptions, tally: Tally, progress: Progress, io: CommandIo): Outlet {
  const { target, rate } = options;
  if (!target) return { push: () => Promise.resolve(), finish: () => Promise.resolve() };
  const sender = new Sender({
    target,
    giveUpAfterMs: options.giveUpAfterMs,
    now: io.now,
    random: io.random,
    onDelivery: (delivery) => {
      countDelivery(tally, delivery);
      progress.waitFor('');
    },
    onRetry: (reason, waitMs) => {
      tally.retries += 1;
      progress.waitFor(`${reason}; next try in ${(waitMs / 1_000).toFixed(1)} s`);
    },
  });
  const pace = createPacer(rate, io.now);
  // At a given rate a batch holds one second's events at most, so the flow stays even.
  const most = rate > 0 ? Math.max(1, Math.min(options.batch, Math.floor(rate))) : options.batch;
  let batch: Batch = { events: [], positions: [] };
  let chars = 0;
  const flush = async (): Promise<void> => {
    const full = batch;
    batch = { events: [], positions: [] };
    chars = 0;
    if (full.events.length === 0) return;
    await pace(full.events.length);
    await sender.submit(full);
  };
  return {
    push: async (json, position) => {
      if (chars + json.length > MAX_BATCH_CHARS) await flush();
      batch.events.push(json);
      batch.positions.push(position);
      chars += json.length;
      if (batch.events.length >= most) await flush();
    },
    finish: async () => {
      await flush();
      await sender.drain();
    },
  };
}

/** Spreads events over time: waits until the events before these have had their share of it. */
function createPacer(rate: number, now: () => number): (events: number) => Promise<void> {
  let freeAt = Number.NEGATIVE_INFINITY;
  return async (events) => {
    if (rate <= 0) return;
    const at = Math.max(now(), freeAt);
    freeAt = at + (events / rate) * 1_000;
    const wait = at - now();
    if (wait > 0) await sleep(wait);
  };
}

function requireUsable(name: string, tally: Tally): void {
  if (tally.lines === 0) throw new Failure(`${name} holds no lines.`);
  if (tally.unparseable < tally.lines) return;
  throw new Failure(
    `none of the ${tally.lines} lines of ${name} could be read (the first: line ` +
      `${tally.unparseable_lines.join(', ')}). They must be JSON objects, one a line, or an access log ` +
      'in combined format; --format names the format.',
  );
}
