import { createServer } from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import type { WireEvent } from '../src/index.js';

export const KEY = '0123456789abcdef0123456789abcdef';

export interface Received {
  /** Milliseconds of the monotonic clock at which the whole request was there. */
  at: number;
  path: string;
  headers: IncomingHttpHeaders;
  bytes: Buffer;
  events: WireEvent[];
}

/** Answers one request; leaving the response open makes the client wait. */
export type Answer = (request: Received, response: ServerResponse) => void;

/** 202 as the ingest endpoint gives it. */
export const accept: Answer = (request, response) =>
  json(202, { accepted: request.events.length, rejected: [] })(request, response);

/** Answers with a status, a JSON body and headers. */
export function json(status: number, body: unknown, headers: Record<string, string> = {}): Answer {
  return (_, response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify(body));
  };
}

/** A real HTTP server that records what is posted and plays a script of answers, then accepts. */
export class IngestServer {
  readonly received: Received[] = [];
  /** The most requests that were open at the same time. */
  mostOpen = 0;
  #open = 0;
  #server = createServer((request, response) => void this.#handle(request, response));

  constructor(private readonly script: Answer[] = []) {}

  async start(port = 0): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(port, '127.0.0.1', resolve));
    return this;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get dsn(): string {
    return `http://${KEY}@127.0.0.1:${this.port}/42`;
  }

  get events(): WireEvent[] {
    return this.received.flatMap((request) => request.events);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.mostOpen = Math.max(this.mostOpen, (this.#open += 1));
    response.on('close', () => (this.#open -= 1));
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const bytes = Buffer.concat(chunks);
    const text = request.headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes;
    const { events } = JSON.parse(text.toString('utf8')) as { events: WireEvent[] };
    const received = {
      at: performance.now(),
      path: request.url ?? '',
      headers: request.headers,
      bytes,
      events,
    };
    this.received.push(received);
    (this.script.shift() ?? accept)(received, response);
  }
}

/** Waits until the condition holds; fails after fifteen seconds. */
export async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 15_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error('the condition did not come to hold in 15 s');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
