import { sleep } from './sleep.js';

const MAX_BYTES = 65_536;
const MAX_WAIT = 2_000;

/**
 * Reads the first 64 KiB of a response's body from a clone, so that the application can still read
 * all of it. The clone is taken before the first await.
 * @param limit ends the reading when aborted, and is aborted at its end
 * @returns undefined where the body is absent, already used or unreadable; what came within two
 *   seconds where it has no end; never rejects
 */
export async function readBody(response: Response, limit: AbortController): Promise<string | undefined> {
  try {
    const body = response.bodyUsed ? undefined : response.clone().body;
    return body ? await readStart(body.getReader(), limit) : undefined;
  } catch {
    return undefined;
  }
}

type Reader = Pick<ReadableStreamDefaultReader<Uint8Array>, 'read' | 'cancel'>;

async function readStart(reader: Reader, limit: AbortController): Promise<string> {
  const decoder = new TextDecoder();
  const deadline = sleep(MAX_WAIT, limit.signal).then(() => undefined);
  let text = '';
  try {
    for (let left = MAX_BYTES; left > 0;) {
      const chunk = (await Promise.race([reader.read(), deadline]))?.value;
      if (chunk === undefined) break;
      const kept = chunk.subarray(0, left);
      text += decoder.decode(kept, { stream: true });
      left -= kept.length;
    }
  } finally {
    limit.abort();
    // Settles only once the application is done with its half.
    reader.cancel().catch(() => undefined);
  }
  return text;
}
