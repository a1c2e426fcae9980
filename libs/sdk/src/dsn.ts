/** The parts of `http(s)://<key>@<host>[:port][/path]/<projectId>`. */
export interface Dsn {
  /** Where the API is: protocol, host, port and path, without a slash at the end. */
  base: string;
  /** 32 lower-case hex digits; write-only, so it may sit in a browser. */
  key: string;
  /** Decimal. */
  projectId: string;
}

/** Thrown by `init` and `parseDsn`; the message says which part is wrong and never repeats the key. */
export class InvalidDsnError extends Error {
  override readonly name = 'InvalidDsnError';
  readonly code = 'INVALID_DSN';

  constructor(wrong: string) {
    super(`Invalid Errata DSN: ${wrong}; expected https://<key>@<host>/<project id>`);
  }
}

/**
 * Reads a DSN.
 * @throws InvalidDsnError where a part is missing, malformed or unexpected
 */
export function parseDsn(text: string): Dsn {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new InvalidDsnError('not a URL');
  }
  const key = url.username.toLowerCase();
  const segments = url.pathname.split('/');
  const projectId = segments.pop()!;
  if (!/^https?:$/.test(url.protocol)) throw new InvalidDsnError('protocol is not http or https');
  if (url.password) throw new InvalidDsnError('password not allowed');
  if (!/^[0-9a-f]{32}$/.test(key)) throw new InvalidDsnError('key is not 32 hex digits');
  if (!/^\d+$/.test(projectId)) throw new InvalidDsnError('project id is not decimal');
  if (url.search || url.hash) throw new InvalidDsnError('query or fragment not allowed');
  return { base: (url.origin + segments.join('/')).replace(/\/+$/, ''), key, projectId };
}

/** Writes a DSN as text: the inverse of {@link parseDsn}. */
export function formatDsn({ base, key, projectId }: Dsn): string {
  return `${base.replace('://', `://${key}@`)}/${projectId}`;
}

/** The address that takes the events of a DSN. */
export function endpointOf(dsn: Dsn): string {
  return `${dsn.base}/v1/events`;
}
