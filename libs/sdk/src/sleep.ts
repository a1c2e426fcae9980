/** Timers hold 31 bits; a longer delay would fire at once. */
const LONGEST = 2 ** 31 - 1;

/** Runs the callback later without keeping a Node process alive for it; returns the canceller. */
export function later(ms: number, callback: () => void, keepAlive = false): () => void {
  const timer = setTimeout(callback, Math.min(ms, LONGEST));
  // Browsers hand out numbers.
  if (!keepAlive && typeof timer === 'object') timer.unref();
  return () => clearTimeout(timer);
}

/** Calls back once the signal aborts, at once where it already has; returns the canceller. */
export function onAbort(signal: AbortSignal | undefined, callback: () => void): () => void {
  if (signal?.aborted) callback();
  signal?.addEventListener('abort', callback);
  return () => signal?.removeEventListener('abort', callback);
}

/** Resolves after the time or as soon as the signal aborts, whichever is first; never rejects. */
export async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  let cleanUp: (() => void)[] = [];
  await new Promise<void>((resolve) => (cleanUp = [later(ms, resolve), onAbort(signal, resolve)]));
  for (const undo of cleanUp) undo();
}
