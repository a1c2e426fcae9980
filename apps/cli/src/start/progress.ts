/** Says what is going on while something takes a moment. */
export interface Progress {
  step(what: string): void;
  done(): void;
  /** Ends the open line, so that an error starts on one of its own. */
  fail(): void;
}

/** One line a step with the time it took. */
export function createProgress(stream: { write(text: string): unknown }): Progress {
  let since: number | undefined;
  const finish = (mark: string) => {
    if (since !== undefined) stream.write(` ${mark} ${((performance.now() - since) / 1000).toFixed(1)} s\n`);
    since = undefined;
  };
  return {
    step: (what) => {
      finish('ok,');
      since = performance.now();
      stream.write(`${what} …`);
    },
    done: () => finish('ok,'),
    fail: () => finish('failed after'),
  };
}
