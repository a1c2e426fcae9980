import { parseCombinedLine, toEvent } from './access-log.js';
import type { AccessLogLine } from './access-log.js';
import { lineEventId } from './identity.js';
import { parseObject } from './json.js';
import { shiftTimestamp, timestampMs } from './shift.js';

export const FORMATS = ['auto', 'ndjson', 'combined'] as const;
/** How the lines of a file are read; `auto` takes what the first readable line is. */
export type Format = (typeof FORMATS)[number];

/** What one line is good for. Times are milliseconds since the epoch. */
export type Reading =
  | {
      kind: 'event';
      time?: number;
      /** HTTP status, where the event names one. */
      status?: number;
      /** JSON of the event with its time moved by so many milliseconds. */
      render: (shiftMs: number) => string;
    }
  | { kind: 'skipped'; time: number }
  | { kind: 'unparseable' };

/** Settings for events made from access-log lines; NDJSON events are sent as they are. */
export interface InterpretOptions {
  service: string;
  tenant?: string;
  withIp: boolean;
}

/** Reads one line; the position is the line number from 1. */
export type Interpreter = (text: string, position: number) => Reading;

const UNPARSEABLE: Reading = { kind: 'unparseable' };

/** The reader of a file's lines. It remembers the format it found, so every pass takes a new one. */
export function createInterpreter(format: Format, options: InterpretOptions): Interpreter {
  let decided = format;
  return (text, position) => {
    if (decided !== 'combined') {
      const reading = readNdjsonLine(text, position);
      if (reading.kind === 'event') decided = 'ndjson';
      if (decided === 'ndjson') return reading;
    }
    const reading = readCombinedLine(text, position, options);
    if (reading.kind !== 'unparseable') decided = 'combined';
    return reading;
  };
}

function readCombinedLine(text: string, position: number, options: InterpretOptions): Reading {
  const line: AccessLogLine | undefined = parseCombinedLine(text);
  if (!line) return UNPARSEABLE;
  const { time, status } = line;
  if (status < 400) return { kind: 'skipped', time };
  const render = (shiftMs: number): string =>
    JSON.stringify(toEvent(line, { ...options, eventId: lineEventId(text, position), shiftMs }));
  return { kind: 'event', time, status, render };
}

function readNdjsonLine(text: string, position: number): Reading {
  const event = parseObject(text);
  if (!event) return UNPARSEABLE;
  const time = timestampMs(event['timestamp']);
  const status = statusOf(event['http']) ?? statusOf(event['response']);
  const hasId = event['event_id'] !== undefined && event['event_id'] !== null;
  const render = (shiftMs: number): string => {
    // Untouched text keeps what JSON.parse would lose, such as digits past 2^53.
    if (hasId && (shiftMs === 0 || time === undefined)) return text;
    const timestamp = shiftTimestamp(event['timestamp'], shiftMs);
    return JSON.stringify({
      ...event,
      ...(timestamp !== undefined && { timestamp }),
      ...(!hasId && { event_id: lineEventId(text, position) }),
    });
  };
  return {
    kind: 'event',
    ...(time !== undefined && { time }),
    ...(status !== undefined && { status }),
    render,
  };
}

function statusOf(part: unknown): number | undefined {
  const status = (part as { status?: unknown } | null | undefined)?.status;
  return typeof status === 'number' ? status : undefined;
}
