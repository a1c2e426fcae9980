import { SingleBar } from 'cli-progress';
import type { CommandIo } from './failure.js';
import type { Tally } from './tally.js';

const PLAIN_EVERY_MS = 2_000;
const BAR_EVERY_MS = 100;

/** Where a replay stands. */
export interface Position {
  /** Bytes of the file taken so far. */
  bytes: number;
  /** Bytes of the whole file; undefined for a stream. */
  total?: number;
  tally: Tally;
}

/** Progress on stderr while a replay runs. */
export interface Progress {
  /** Shows why the replay waits, until called with an empty text. */
  waitFor: (reason: string) => void;
  stop: () => void;
}

/** A bar on a terminal where the length is known, otherwise a plain line every two seconds. */
export function startProgress(stderr: CommandIo['stderr'], read: () => Position): Progress {
  const { total } = read();
  return stderr.isTTY && total !== undefined ? startBar(stderr, total, read) : startPlain(stderr, read);
}

function startPlain(stderr: CommandIo['stderr'], read: () => Position): Progress {
  let waiting = '';
  const timer = setInterval(() => {
    stderr.write(`${plainLine(read())}${waiting && `; ${waiting}`}\n`);
  }, PLAIN_EVERY_MS);
  return {
    waitFor: (reason) => {
      waiting = reason;
    },
    stop: () => clearInterval(timer),
  };
}

function startBar(stderr: CommandIo['stderr'], total: number, read: () => Position): Progress {
  const format = '{bar} {percentage}% | {lines} lines | {accepted}/{events} events accepted {waiting}';
  const bar = new SingleBar({ stream: stderr, format, clearOnComplete: true });
  let waiting = '';
  const payload = (): object => {
    const { lines, accepted, events } = read().tally;
    return { lines, accepted, events, waiting };
  };
  const update = (): void => bar.update(Math.min(total, read().bytes), payload());
  bar.start(Math.max(1, total), 0, payload());
  const timer = setInterval(update, BAR_EVERY_MS);
  return {
    waitFor: (reason) => {
      waiting = reason && `| ${reason}`;
    },
    stop: () => {
      clearInterval(timer);
      update();
      bar.stop();
    },
  };
}

/** One line of progress for logs and pipes. */
export function plainLine({ bytes, total, tally }: Position): string {
  const share = total ? ` (${Math.min(100, Math.floor((bytes / total) * 100))} %)` : '';
  return `replay: ${tally.lines} lines${share}, ${tally.events} events, ${tally.accepted} accepted`;
}
