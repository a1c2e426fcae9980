import fc from 'fast-check';
import { nextIncidentState } from './alert-state.js';
import type { IncidentState, Transition } from './alert-state.js';

interface Step {
  /** Milliseconds since the step before; now and then a clock runs backwards. */
  pause: number;
  breached: boolean;
  value: number;
}

const step: fc.Arbitrary<Step> = fc.record({
  pause: fc.oneof(
    { weight: 9, arbitrary: fc.integer({ min: 0, max: 400_000 }) },
    fc.integer({ min: -30_000, max: -1 }),
  ),
  breached: fc.boolean(),
  value: fc.integer({ min: 0, max: 1_000 }),
});
const story = fc.record({
  steps: fc.array(step, { maxLength: 60 }),
  policy: fc.record({
    forSeconds: fc.constantFrom(0, 10, 60, 600),
    resolveAfterSeconds: fc.constantFrom(1, 60, 300, 3_600),
  }),
});

interface Seen {
  before: IncidentState | undefined;
  step: Step;
  now: number;
  result: Transition;
}

/** Runs a story as storage would: a resolved incident is closed and not shown to the machine again. */
function run({
  steps,
  policy,
}: {
  steps: Step[];
  policy: { forSeconds: number; resolveAfterSeconds: number };
}): Seen[] {
  let now = 1_000_000_000;
  let open: IncidentState | undefined;
  return steps.map((one) => {
    now += one.pause;
    const result = nextIncidentState(open, one, policy, now);
    const seen = { before: open, step: one, now, result };
    open = result.next?.phase === 'resolved' ? undefined : result.next;
    return seen;
  });
}

describe('nextIncidentState, over any story', () => {
  it('fires once per incident and resolves only what fired', () => {
    fc.assert(
      fc.property(story, (given) => {
        const emitted = run(given).flatMap(({ result }) => result.emit ?? []);
        // Alternating from the first on: fired, resolved, fired, resolved.
        emitted.forEach((reason, i) => expect(reason).toBe(i % 2 === 0 ? 'fired' : 'resolved'));
      }),
    );
  });

  it('emits exactly when an incident starts or stops firing', () => {
    fc.assert(
      fc.property(story, (given) => {
        for (const { before, result } of run(given)) {
          const fires = result.next?.phase === 'firing' && before?.phase !== 'firing';
          const ends = result.next?.phase === 'resolved';
          expect(result.emit).toBe(fires ? 'fired' : ends ? 'resolved' : undefined);
          if (result.emit !== undefined) expect(result.events).toHaveLength(1);
        }
      }),
    );
  });

  it('never moves an open incident backwards', () => {
    const order = ['pending', 'firing', 'resolved'];
    fc.assert(
      fc.property(story, (given) => {
        for (const { before, result } of run(given)) {
          if (before === undefined || result.next === undefined) continue;
          expect(order.indexOf(result.next.phase)).toBeGreaterThanOrEqual(order.indexOf(before.phase));
          expect(result.next.lastBreachAt).toBeGreaterThanOrEqual(before.lastBreachAt);
          expect(result.next.peak).toBeGreaterThanOrEqual(before.peak);
          expect(result.next.pendingAt).toBe(before.pendingAt);
        }
      }),
    );
  });

  it('keeps firing while the last breach is younger than the quiet time', () => {
    fc.assert(
      fc.property(story, (given) => {
        for (const { before, now, result } of run(given)) {
          if (result.next?.phase !== 'resolved' || before === undefined) continue;
          expect(now - before.lastBreachAt).toBeGreaterThanOrEqual(given.policy.resolveAfterSeconds * 1_000);
        }
      }),
    );
  });

  it('does nothing twice: the same verdict at the same moment says nothing more', () => {
    fc.assert(
      fc.property(story, (given) => {
        for (const { step: verdict, now, result } of run(given)) {
          if (result.next === undefined || result.next.phase === 'resolved') continue;
          const again = nextIncidentState(result.next, verdict, given.policy, now);
          if (result.emit === 'fired')
            expect(again).toEqual({ next: result.next, emit: undefined, events: [] });
        }
      }),
    );
  });
});
