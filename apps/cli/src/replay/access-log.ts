/** What one line of an access log in combined format says. Absent fields were `-` or unreadable. */
export interface AccessLogLine {
  clientIp: string;
  /** Milliseconds since the epoch. */
  time: number;
  method?: string;
  /** Path without its query string, at most {@link ROUTE_LENGTH} characters. */
  route?: string;
  /** 100 to 599. */
  status: number;
  /** Length of the response body. */
  bytes?: number;
  /** Without its query string, at most {@link TEXT_LENGTH} characters. */
  referer?: string;
  /** At most {@link TEXT_LENGTH} characters. */
  userAgent?: string;
}

/** An access-log line in the wire format of `POST /v1/events`. */
export interface AccessLogEvent {
  event_id: string;
  /** RFC 3339, UTC. */
  timestamp: string;
  service: string;
  tenant?: string;
  http: { method?: string; route?: string; status: number };
  attributes: { bytes?: number; referer?: string; user_agent?: string; client_ip?: string };
}

/** What the line itself cannot say. */
export interface AccessLogEventOptions {
  eventId: string;
  /** Milliseconds added to the line's time. */
  shiftMs: number;
  service: string;
  tenant?: string;
  /** Client addresses are personal data, so they are left out unless asked for. */
  withIp: boolean;
}

export const ROUTE_LENGTH = 200;
export const TEXT_LENGTH = 256;

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const QUOTED = String.raw`"((?:[^"\\]|\\.)*)"`;
const HEAD = new RegExp(String.raw`^(\S+) \S+ [^[]+ \[([^\]]{26})\] ${QUOTED} (\d{3}) (\d+|-)(?= |$)`);
const TAIL = new RegExp(String.raw`^ ${QUOTED} ${QUOTED}(?= |$)`);
const TIME = /^(\d{2})\/([A-Z][a-z]{2})\/(\d{4}):(\d{2}):(\d{2}):(\d{2}) ([+-])(\d{2})(\d{2})$/;
const REQUEST = /^([A-Z][A-Z_-]{0,31}) (\S+)(?: HTTP\/\d(?:\.\d)?)?$/;

/**
 * Reads one line of an Apache or nginx access log in combined format.
 *
 * A line in common format, or one whose referer or agent is broken, still counts: its status and
 * time are what matter. A request that is no HTTP (port scans, `-`) leaves method and route out.
 * @returns undefined where address, time, request or status cannot be made out
 */
export function parseCombinedLine(text: string): AccessLogLine | undefined {
  const head = HEAD.exec(text);
  if (!head) return undefined;
  const [matched, clientIp = '', timeText = '', request = '', statusText, bytesText] = head;
  const time = parseLogTime(timeText);
  const status = Number(statusText);
  if (time === undefined || status < 100 || status > 599) return undefined;
  return {
    clientIp,
    time,
    status,
    ...readRequest(request),
    ...(bytesText !== '-' && { bytes: Number(bytesText) }),
    ...readTail(text.slice(matched.length)),
  };
}

function readRequest(request: string): Pick<AccessLogLine, 'method' | 'route'> {
  const [, method, target] = REQUEST.exec(request) ?? [];
  if (method === undefined || target === undefined) return {};
  return { method, route: bounded(pathOf(unescaped(target)), ROUTE_LENGTH) };
}

function readTail(tail: string): Pick<AccessLogLine, 'referer' | 'userAgent'> {
  const [, referer = '-', userAgent = '-'] = TAIL.exec(tail) ?? [];
  return {
    ...(isGiven(referer) && { referer: bounded(withoutQuery(unescaped(referer)), TEXT_LENGTH) }),
    ...(isGiven(userAgent) && { userAgent: bounded(unescaped(userAgent), TEXT_LENGTH) }),
  };
}

/** The event that one access-log line becomes; its id and its shift come from the caller. */
export function toEvent(line: AccessLogLine, options: AccessLogEventOptions): AccessLogEvent {
  return {
    event_id: options.eventId,
    timestamp: new Date(line.time + options.shiftMs).toISOString(),
    service: options.service,
    ...(options.tenant !== undefined && { tenant: options.tenant }),
    http: {
      ...(line.method !== undefined && { method: line.method }),
      ...(line.route !== undefined && { route: line.route }),
      status: line.status,
    },
    attributes: {
      ...(line.bytes !== undefined && { bytes: line.bytes }),
      ...(line.referer !== undefined && { referer: line.referer }),
      ...(line.userAgent !== undefined && { user_agent: line.userAgent }),
      ...(options.withIp && { client_ip: line.clientIp }),
    },
  };
}

/**
 * Reads a log's time, `17/May/2015:10:05:03 +0200`.
 * @returns milliseconds since the epoch, or undefined for a time that does not exist
 */
export function parseLogTime(text: string): number | undefined {
  const match = TIME.exec(text);
  if (!match) return undefined;
  const month = MONTHS.indexOf(match[2] ?? '');
  const [day, year, hour, minute, second, offsetHours, offsetMinutes] = [1, 3, 4, 5, 6, 8, 9].map((group) =>
    Number(match[group]),
  ) as [number, number, number, number, number, number, number];
  const local = Date.UTC(year, month, day, hour, minute, second);
  const inRange =
    month >= 0 && new Date(local).getUTCDate() === day && hour < 24 && minute < 60 && second < 60;
  if (!inRange || offsetHours > 23 || offsetMinutes > 59) return undefined;
  const offset = (offsetHours * 60 + offsetMinutes) * 60_000;
  return match[7] === '-' ? local + offset : local - offset;
}

function isGiven(field: string): boolean {
  return field !== '-' && field !== '';
}

// Servers write bytes they do not trust as \xHH. Those stay as they are: decoded they could drive a
// terminal or end a string early further down.
function unescaped(field: string): string {
  return field.replace(/\\(["\\])/g, '$1');
}

function withoutQuery(target: string): string {
  return target.replace(/[?#].*$/s, '');
}

// A proxy's log holds the absolute form, `GET http://host/path`.
function pathOf(target: string): string {
  return withoutQuery(target.replace(/^https?:\/\/[^/?#]*/i, '')) || '/';
}

function bounded(text: string, length: number): string {
  // Never half of a surrogate pair.
  return text.length <= length ? text : text.slice(0, length).replace(/[\uD800-\uDBFF]$/, '');
}
