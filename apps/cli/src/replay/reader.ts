import { createReadStream } from 'node:fs';
import { mkdtemp, open, rm, stat, writeFile } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { Failure, messageOf } from './failure.js';
import { splitLines } from './lines.js';
import type { Line } from './lines.js';

/** An open input. */
export interface Source {
  /** For messages. */
  name: string;
  /** Bytes in the file, compressed as it is; undefined for a stream. */
  size?: number;
  /** Bytes taken in the pass that runs. */
  bytesRead: () => number;
  /** One pass over the lines; a second call starts again, where the source was opened `repeatable`. */
  lines: () => AsyncGenerator<Line>;
  close: () => Promise<void>;
}

/** How to open a source. */
export interface SourceOptions {
  /** What `-` stands for. */
  stdin: NodeJS.ReadableStream;
  /** Whether the lines will be read more than once: a stream is then copied to a temporary file. */
  repeatable: boolean;
}

/**
 * Opens a file, or standard input for `-`, plain or gzipped: the first two bytes tell.
 * @throws Failure where the file cannot be opened; reading throws one where it is damaged
 */
export async function openSource(file: string, options: SourceOptions): Promise<Source> {
  const name = file === '-' ? 'standard input' : file;
  try {
    if (file === '-') return await openStream(name, options.stdin, options.repeatable);
    const info = await stat(file);
    if (info.isDirectory()) throw new Failure(`cannot read ${file}: it is a directory.`);
    if (!info.isFile()) return await openStream(file, createReadStream(file), options.repeatable);
    return fromHandle(file, await open(file, 'r'), info.size);
  } catch (error) {
    throw unreadable(name, error);
  }
}

async function openStream(name: string, stream: NodeJS.ReadableStream, repeatable: boolean): Promise<Source> {
  if (repeatable) return spool(name, stream);
  const pass = passOver(name, () => stream as unknown as AsyncIterable<Buffer>);
  return { name, ...pass, close: () => Promise.resolve() };
}

function fromHandle(name: string, handle: FileHandle, size: number): Source {
  // A start position makes each pass begin at the first byte of the same open file.
  const pass = passOver(name, () => handle.createReadStream({ start: 0, autoClose: false }));
  return { name, size, ...pass, close: () => handle.close() };
}

async function spool(name: string, stream: NodeJS.ReadableStream): Promise<Source> {
  const dir = await mkdtemp(path.join(tmpdir(), 'errata-replay-'));
  const handle = await open(path.join(dir, 'spool'), 'wx+', 0o600);
  // Unlinked while open, so that not even a killed process leaves the copy behind. Where the system
  // refuses that, it is removed at the end.
  const remove = (): Promise<void> => rm(dir, { recursive: true, force: true }).catch(() => undefined);
  await remove();
  await writeFile(handle, stream);
  const { size } = await handle.stat();
  const source = fromHandle(name, handle, size);
  return { ...source, close: () => source.close().finally(remove) };
}

function passOver(name: string, start: () => AsyncIterable<Buffer>): Pick<Source, 'lines' | 'bytesRead'> {
  let bytes = 0;
  async function* counted(): AsyncGenerator<Buffer> {
    for await (const chunk of start()) {
      const buffer = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk);
      bytes += buffer.length;
      yield buffer;
    }
  }
  async function* lines(): AsyncGenerator<Line> {
    bytes = 0;
    try {
      yield* splitLines(unzipped(counted()));
    } catch (error) {
      throw unreadable(name, error);
    }
  }
  return { lines, bytesRead: () => bytes };
}

async function* unzipped(chunks: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  let head: Buffer = Buffer.alloc(0);
  while (head.length < 2) {
    const next = await chunks.next();
    if (next.done) break;
    head = Buffer.concat([head, next.value]);
  }
  if (head[0] !== 0x1f || head[1] !== 0x8b) {
    yield head;
    yield* chunks;
    return;
  }
  const gunzip = createGunzip();
  const feeding = pipeline(Readable.from(prefixed(head, chunks)), gunzip);
  // The error reaches the reader through the gunzip stream; here it only must not go unhandled.
  feeding.catch(() => undefined);
  yield* gunzip as AsyncIterable<Buffer>;
}

async function* prefixed(head: Buffer, rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  yield head;
  yield* rest;
}

function unreadable(name: string, error: unknown): Failure {
  if (error instanceof Failure) return error;
  const code = (error as NodeJS.ErrnoException).code ?? '';
  if (code === 'ENOENT') return new Failure(`cannot read ${name}: there is no such file.`);
  if (code === 'EACCES') return new Failure(`cannot read ${name}: permission denied.`);
  if (code.startsWith('Z_'))
    return new Failure(`cannot read ${name}: its gzip data is damaged or cut short.`);
  return new Failure(`cannot read ${name}: ${messageOf(error)}.`);
}
