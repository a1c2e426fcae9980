import { lookup as resolveName } from 'node:dns';
import type { LookupAddress, LookupOptions } from 'node:dns';
import http from 'node:http';
import https from 'node:https';
import { isIP } from 'node:net';
import type { LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';

/** What an installation allows its outbound requests to reach. */
export interface OutboundPolicy {
  /** Loopback and private networks, for self-hosted and development use; link-local stays refused. */
  allowPrivate: boolean;
  allowHttp: boolean;
  /** Host names or address literals that may be private and on any port. */
  allowHosts: readonly string[];
  /** Ports for everyone, instead of 80, 443 and 8443. */
  allowPorts?: readonly number[];
}

export type OutboundErrorCode =
  | 'URL_INVALID'
  | 'URL_SCHEME'
  | 'URL_USERINFO'
  | 'URL_PORT'
  | 'ADDRESS_REFUSED'
  | 'REQUEST_INVALID'
  | 'TIMEOUT'
  | 'ABORTED'
  | 'CONNECTION_FAILED';

/** A request that was not made or not answered; `retryable` says whether the same one may succeed later. */
export class OutboundError extends Error {
  override readonly name = 'OutboundError';
  constructor(
    readonly code: OutboundErrorCode,
    message: string,
    readonly retryable = false,
  ) {
    super(message);
  }
}

export type UrlCheck = { ok: true; url: URL } | { ok: false; code: OutboundErrorCode; message: string };

const PORTS: readonly number[] = [80, 443, 8443];
const PRIVATE_RANGES = new Set(['loopback', 'private', 'uniqueLocal', 'carrierGradeNat']);
const LOCAL_NAME = /(?:^|\.)(?:localhost|localdomain|ip6-localhost|ip6-loopback)$/;

/**
 * Checks a URL before it is stored and again before it is used: scheme, user info, port, and the host where
 * it is an address literal or a name of this machine. Other names are judged when they are resolved, by
 * `guardedLookup`. Numeric forms of IPv4 (decimal, hex, octal, short) are read as the address they mean.
 */
export function checkUrl(input: string | URL, policy: OutboundPolicy): UrlCheck {
  const url = URL.canParse(String(input)) ? new URL(String(input)) : undefined;
  if (url === undefined || url.hostname === '')
    return refuse('URL_INVALID', 'The URL cannot be read. Give one like https://host/path.');
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && policy.allowHttp)) {
    return refuse('URL_SCHEME', 'The URL must begin with https://.');
  }
  if (url.username !== '' || url.password !== '') {
    return refuse('URL_USERINFO', 'The URL must not hold a user name or password. Use a header instead.');
  }
  return checkHost(url, hostOf(url), policy);
}

function checkHost(url: URL, host: string, policy: OutboundPolicy): UrlCheck {
  const open = mayBePrivate(host, policy);
  const port = Number(url.port || (url.protocol === 'https:' ? 443 : 80));
  const ports = policy.allowPorts ?? PORTS;
  if (!open && !ports.includes(port)) {
    return refuse('URL_PORT', `Port ${port} is not allowed. Use ${ports.join(', ')}, or allow this host.`);
  }
  const local = !open && LOCAL_NAME.test(host);
  if (local || (isIP(host) !== 0 && !isAllowedAddress(host, host, policy))) {
    return refuse(
      'ADDRESS_REFUSED',
      `The host ${host} is not a public address. Allow this host if it is meant.`,
    );
  }
  return { ok: true, url };
}

function refuse(code: OutboundErrorCode, message: string): UrlCheck {
  return { ok: false, code, message };
}

/** Lower case, without the brackets of IPv6 and the root dot. */
function hostOf(url: URL): string {
  return url.hostname
    .toLowerCase()
    .replace(/^\[|\]$/g, '')
    .replace(/\.$/, '');
}

function mayBePrivate(host: string, policy: OutboundPolicy): boolean {
  return policy.allowPrivate || isListed(host, policy);
}

function isListed(host: string, policy: OutboundPolicy): boolean {
  return policy.allowHosts.some((allowed) => allowed.toLowerCase().replace(/^\[|\]$/g, '') === host);
}

/**
 * True where a request for `host` may connect to `address`: a global unicast address, or a private one where
 * the policy says so. Addresses that carry another address (mapped, NAT64, 6to4, Teredo) count as not global,
 * except IPv4-mapped ones, which are judged as the IPv4 address.
 */
export function isAllowedAddress(address: string, host: string, policy: OutboundPolicy): boolean {
  if (isIP(address) === 0) return false;
  const parsed = ipaddr.process(address);
  const range: string = parsed.range();
  // Beyond the special ranges, only 2000::/3 has ever been given out as global (IANA).
  const global = parsed.kind() === 'ipv4' || (parsed.toByteArray()[0]! & 0xe0) === 0x20;
  if (range === 'unicast' && global) return true;
  return PRIVATE_RANGES.has(range) && mayBePrivate(host, policy);
}

type Resolve = (
  host: string,
  options: LookupOptions & { all: true },
  done: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

/**
 * A `lookup` for `node:http` and `node:net` that resolves a name once, refuses it where **any** of its
 * addresses is not allowed, and hands over exactly the addresses that were judged, so that a second answer of
 * the name server cannot slip in between. Fails with OutboundError ADDRESS_REFUSED.
 */
export function guardedLookup(policy: OutboundPolicy, resolve: Resolve = resolveName): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, addresses) => {
      const first = addresses?.[0];
      if (error !== null || first === undefined) {
        callback(error ?? new Error(`${hostname} has no address`), '', 0);
        return;
      }
      const host = hostname.toLowerCase().replace(/\.$/, '');
      if (addresses.some(({ address }) => !isAllowedAddress(address, host, policy))) {
        const message = `The host ${host} leads to an address that is not public. Allow this host if it is meant.`;
        callback(new OutboundError('ADDRESS_REFUSED', message), '', 0);
      } else if (options.all === true) {
        callback(null, addresses);
      } else {
        callback(null, first.address, first.family);
      }
    });
  };
}

/** One POST; sizes in bytes. */
export interface OutboundPost {
  url: string;
  headers: Readonly<Record<string, string>>;
  body: string | Buffer;
  /** For everything together: name, connection, answer. */
  timeoutMs: number;
  policy: OutboundPolicy;
  /** Past this the answer is cut off, not refused: its status is known by then. */
  maxResponseBytes?: number;
  signal?: AbortSignal;
}

export interface OutboundAnswer {
  /** True for 2xx only; a redirect is never followed and counts as a failure. */
  ok: boolean;
  status: number;
  headers: http.IncomingHttpHeaders;
  /** The beginning of the answer, for the delivery log. Hostile text: never show it raw. */
  bodyExcerpt: string;
  truncated: boolean;
}

const MAX_RESPONSE = 65_536;
const MAX_EXCERPT = 2_048;
const OWN_HEADERS = new Set([
  'host',
  'connection',
  'content-length',
  'transfer-encoding',
  'expect',
  'upgrade',
]);

/**
 * Posts to a URL that somebody else chose, on a connection of its own: URL and every resolved address are
 * checked, nothing is followed, and neither a slow nor an endless answer holds it past its limits.
 * @throws OutboundError
 */
export async function postGuarded(post: OutboundPost): Promise<OutboundAnswer> {
  const check = checkUrl(post.url, post.policy);
  if (!check.ok) throw new OutboundError(check.code, check.message);
  const deadline = AbortSignal.timeout(post.timeoutMs);
  const signal = post.signal === undefined ? deadline : AbortSignal.any([deadline, post.signal]);
  try {
    signal.throwIfAborted();
    return await exchange(check.url, post, signal);
  } catch (error) {
    if (error instanceof OutboundError) throw error;
    if (deadline.aborted)
      throw new OutboundError('TIMEOUT', `No complete answer within ${post.timeoutMs} ms.`, true);
    if (signal.aborted)
      throw new OutboundError('ABORTED', 'The request was given up before an answer came.', true);
    throw explain(error as NodeJS.ErrnoException);
  }
}

function explain(error: NodeJS.ErrnoException): OutboundError {
  const invalid = error.code === 'ERR_INVALID_CHAR' || error.code === 'ERR_INVALID_HTTP_TOKEN';
  if (invalid)
    return new OutboundError(
      'REQUEST_INVALID',
      'A header name or value holds characters that HTTP does not allow.',
    );
  return new OutboundError(
    'CONNECTION_FAILED',
    `The connection failed: ${error.code ?? error.message}.`,
    true,
  );
}

function exchange(url: URL, post: OutboundPost, signal: AbortSignal): Promise<OutboundAnswer> {
  const own = Object.entries(post.headers).filter(([name]) => !OWN_HEADERS.has(name.toLowerCase()));
  const options: https.RequestOptions = {
    method: 'POST',
    agent: false,
    lookup: guardedLookup(post.policy),
    headers: { ...Object.fromEntries(own), 'content-length': Buffer.byteLength(post.body) },
    signal,
  };
  return new Promise((resolve, reject) => {
    const request = url.protocol === 'https:' ? https.request(url, options) : http.request(url, options);
    request.on('error', reject);
    request.on('response', (response) => {
      readAnswer(response, post.maxResponseBytes ?? MAX_RESPONSE)
        .then(resolve, reject)
        // The connection is ours alone: close it whatever is still on the way.
        .finally(() => request.destroy());
    });
    request.end(post.body);
  });
}

async function readAnswer(response: http.IncomingMessage, maxBytes: number): Promise<OutboundAnswer> {
  const status = response.statusCode ?? 0;
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of response as AsyncIterable<Buffer>) {
    if (size < MAX_EXCERPT) parts.push(part.subarray(0, MAX_EXCERPT - size));
    size += part.length;
    if (size > maxBytes) break;
  }
  const bodyExcerpt = Buffer.concat(parts).toString('utf8').replaceAll('\0', '\uFFFD');
  return {
    ok: status >= 200 && status < 300,
    status,
    headers: response.headers,
    bodyExcerpt,
    truncated: size > maxBytes,
  };
}
