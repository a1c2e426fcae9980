import { PassThrough } from 'node:stream';
import { startProgress } from './progress.js';
import type { Position } from './progress.js';
import { emptyTally } from './tally.js';

function watch(isTTY: boolean, total: number | undefined) {
  const stderr = Object.assign(new PassThrough(), { isTTY });
  const position: Position = { bytes: 0, total, tally: emptyTally('f', false) };
  const progress = startProgress(stderr, () => position);
  return { position, progress, written: () => String(stderr.read() ?? '') };
}

describe('startProgress', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  it('writes a plain line every two seconds, with the reason of a wait, until stopped', () => {
    const { position, progress, written } = watch(false, 100);
    jest.advanceTimersByTime(1_999);
    expect(written()).toBe('');
    position.bytes = 50;
    progress.waitFor('busy');
    jest.advanceTimersByTime(1);
    expect(written()).toBe('replay: 0 lines (50 %), 0 events, 0 accepted; busy\n');
    progress.waitFor('');
    jest.advanceTimersByTime(2_000);
    expect(written()).toBe('replay: 0 lines (50 %), 0 events, 0 accepted\n');
    progress.stop();
    jest.advanceTimersByTime(10_000);
    expect(written()).toBe('');
  });

  it('draws a bar on a terminal where the length is known', () => {
    const { position, progress, written } = watch(true, 200);
    position.bytes = 50;
    progress.waitFor('busy');
    jest.advanceTimersByTime(500);
    expect(written()).toMatch(/=+-+ 25% \| 0 lines .*\| busy/);
    progress.stop();
  });

  it('writes plain lines on a terminal where the length is unknown', () => {
    const { progress, written } = watch(true, undefined);
    jest.advanceTimersByTime(2_000);
    expect(written()).toBe('replay: 0 lines, 0 events, 0 accepted\n');
    progress.stop();
  });
});
