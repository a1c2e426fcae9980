/** One line of the input. */
export interface Line {
  /** From 1, blank lines included. */
  position: number;
  /** Without its line ending. */
  text: string;
}

/** Longest line that is kept, in bytes: the rest of a longer one is dropped, so memory stays bounded. */
export const MAX_LINE_BYTES = 1024 * 1024;

const NEWLINE = 0x0a;

/**
 * Cuts a byte stream into lines of UTF-8 at `\n` or `\r\n`. A byte order mark before the first line
 * is dropped, a last line needs no ending, and unreadable bytes become U+FFFD.
 */
export async function* splitLines(
  chunks: AsyncIterable<Buffer>,
  maxBytes = MAX_LINE_BYTES,
): AsyncGenerator<Line> {
  let parts: Buffer[] = [];
  let size = 0;
  let position = 0;
  const keep = (part: Buffer): void => {
    if (part.length === 0 || size >= maxBytes) return;
    const kept = part.subarray(0, maxBytes - size);
    parts.push(kept);
    size += kept.length;
  };
  const finish = (): Line => {
    const text = (parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts)).toString('utf8');
    parts = [];
    size = 0;
    position += 1;
    const body = position === 1 && text.startsWith('\uFEFF') ? text.slice(1) : text;
    return { position, text: body.endsWith('\r') ? body.slice(0, -1) : body };
  };
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      keep(chunk.subarray(start, end));
      yield finish();
      start = end + 1;
    }
    keep(chunk.subarray(start));
  }
  if (size > 0) yield finish();
}
