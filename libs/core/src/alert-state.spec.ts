import { closeIncident, nextIncidentState } from './alert-state.js';
import type { AlertPolicy, IncidentState, Verdict } from './alert-state.js';
import { SECOND } from './time.js';

const T = Date.UTC(2026, 10, 22, 12, 0, 0);
const at = (seconds: number) => T + seconds * SECOND;
const AT_ONCE: AlertPolicy = { forSeconds: 0, resolveAfterSeconds: 300 };
const AFTER_MINUTE: AlertPolicy = { forSeconds: 60, resolveAfterSeconds: 300 };
const breach = (value = 5): Verdict => ({ breached: true, value });
const fine = (value = 0): Verdict => ({ breached: false, value });

const pending: IncidentState = { phase: 'pending', pendingAt: T, lastBreachAt: T, value: 5, peak: 5 };
const firing: IncidentState = { ...pending, phase: 'firing', firedAt: T };
const acknowledged: IncidentState = { ...firing, phase: 'acknowledged', acknowledgedAt: at(10) };
const snoozed: IncidentState = { ...firing, phase: 'snoozed', snoozedUntil: at(3_600) };
const resolved: IncidentState = { ...firing, phase: 'resolved', resolvedAt: at(400) };

interface Row {
  name: string;
  previous?: IncidentState;
  verdict: Verdict;
  policy?: AlertPolicy;
  now: number;
  phase: string | undefined;
  emit?: string;
  events?: string[];
}

const TABLE: Row[] = [
  { name: 'nothing stays nothing', verdict: fine(), now: T, phase: undefined },
  {
    name: 'a breach without a wait fires at once',
    verdict: breach(),
    now: T,
    phase: 'firing',
    emit: 'fired',
    events: ['fired breach'],
  },
  {
    name: 'a breach with a wait is pending first',
    verdict: breach(),
    policy: AFTER_MINUTE,
    now: T,
    phase: 'pending',
    events: ['pending breach'],
  },
  {
    name: 'pending waits one millisecond before its time',
    previous: pending,
    verdict: breach(),
    policy: AFTER_MINUTE,
    now: at(60) - 1,
    phase: 'pending',
  },
  {
    name: 'pending fires when it has held',
    previous: pending,
    verdict: breach(),
    policy: AFTER_MINUTE,
    now: at(60),
    phase: 'firing',
    emit: 'fired',
    events: ['fired held'],
  },
  {
    name: 'pending that clears is gone without a word',
    previous: pending,
    verdict: fine(),
    policy: AFTER_MINUTE,
    now: at(30),
    phase: undefined,
  },
  {
    name: 'pending that clears in the moment it would fire is gone',
    previous: pending,
    verdict: fine(),
    policy: AFTER_MINUTE,
    now: at(90),
    phase: undefined,
  },
  {
    name: 'firing that goes on says nothing again',
    previous: firing,
    verdict: breach(9),
    now: at(600),
    phase: 'firing',
  },
  {
    name: 'firing without breach holds until the quiet time is over',
    previous: firing,
    verdict: fine(),
    now: at(300) - 1,
    phase: 'firing',
  },
  {
    name: 'firing resolves after the quiet time',
    previous: firing,
    verdict: fine(),
    now: at(300),
    phase: 'resolved',
    emit: 'resolved',
    events: ['resolved recovered'],
  },
  {
    name: 'an occurrence that is old enough resolves',
    previous: firing,
    verdict: { ...breach(), breachAt: T },
    now: at(300),
    phase: 'resolved',
    emit: 'resolved',
    events: ['resolved recovered'],
  },
  {
    name: 'a newer occurrence moves the quiet time',
    previous: firing,
    verdict: { ...breach(), breachAt: at(1) },
    now: at(300),
    phase: 'firing',
  },
  {
    name: 'a page for an old occurrence stays open for the quiet time',
    previous: { ...firing, firedAt: at(1_000) },
    verdict: { ...breach(), breachAt: T },
    now: at(1_300) - 1,
    phase: 'firing',
  },
  {
    name: 'a breach at the end of the quiet time keeps it firing',
    previous: firing,
    verdict: breach(),
    now: at(300),
    phase: 'firing',
  },
  {
    name: 'acknowledged goes on silently',
    previous: acknowledged,
    verdict: breach(),
    now: at(60),
    phase: 'acknowledged',
  },
  {
    name: 'acknowledged resolves',
    previous: acknowledged,
    verdict: fine(),
    now: at(300),
    phase: 'resolved',
    emit: 'resolved',
    events: ['resolved recovered'],
  },
  { name: 'snoozed goes on silently', previous: snoozed, verdict: breach(), now: at(60), phase: 'snoozed' },
  {
    name: 'snoozed resolves',
    previous: snoozed,
    verdict: fine(),
    now: at(300),
    phase: 'resolved',
    emit: 'resolved',
    events: ['resolved recovered'],
  },
  { name: 'resolved stays resolved', previous: resolved, verdict: fine(), now: at(900), phase: 'resolved' },
  {
    name: 'a breach after the end opens a new one',
    previous: resolved,
    verdict: breach(),
    now: at(900),
    phase: 'firing',
    emit: 'fired',
    events: ['fired breach'],
  },
  {
    name: 'a breach after the end waits again',
    previous: resolved,
    verdict: breach(),
    policy: AFTER_MINUTE,
    now: at(900),
    phase: 'pending',
    events: ['pending breach'],
  },
  {
    name: 'a clock that is behind resolves nothing',
    previous: firing,
    verdict: fine(),
    now: at(-3_600),
    phase: 'firing',
  },
  {
    name: 'a clock that is behind fires nothing',
    previous: pending,
    verdict: breach(),
    policy: AFTER_MINUTE,
    now: at(-60),
    phase: 'pending',
  },
];

describe('nextIncidentState', () => {
  it.each(TABLE)('$name', ({ previous, verdict, policy = AT_ONCE, now, phase, emit, events = [] }) => {
    const step = nextIncidentState(previous, verdict, policy, now);
    expect(step.next?.phase).toBe(phase);
    expect(step.emit).toBe(emit);
    expect(step.events.map((event) => `${event.type} ${event.reason}`)).toEqual(events);
  });

  it('opens with its times and value', () => {
    expect(nextIncidentState(undefined, breach(7), AT_ONCE, T).next).toEqual({
      phase: 'firing',
      pendingAt: T,
      firedAt: T,
      lastBreachAt: T,
      value: 7,
      peak: 7,
    });
  });

  it('opens anew after the end, with nothing of the old incident', () => {
    const { next } = nextIncidentState(resolved, breach(2), AT_ONCE, at(900));
    expect(next).toEqual({
      phase: 'firing',
      pendingAt: at(900),
      firedAt: at(900),
      lastBreachAt: at(900),
      value: 2,
      peak: 2,
    });
  });

  it('counts the quiet time from the last breach and keeps the peak', () => {
    const later = nextIncidentState(firing, breach(9), AT_ONCE, at(200)).next!;
    expect(later).toMatchObject({ lastBreachAt: at(200), value: 9, peak: 9 });
    expect(nextIncidentState(later, fine(1), AT_ONCE, at(499)).next).toMatchObject({
      phase: 'firing',
      value: 1,
      peak: 9,
    });
    expect(nextIncidentState(later, fine(1), AT_ONCE, at(500)).next).toMatchObject({
      phase: 'resolved',
      resolvedAt: at(500),
    });
  });

  it('leaves the person who acknowledged on a resolved incident', () => {
    expect(nextIncidentState(acknowledged, fine(), AT_ONCE, at(300)).next).toMatchObject({
      acknowledgedAt: at(10),
    });
  });
});

describe('closeIncident', () => {
  it.each([
    ['pending', pending, undefined, undefined],
    ['firing', firing, 'resolved', 'resolved'],
    ['acknowledged', acknowledged, 'resolved', 'resolved'],
    ['snoozed', snoozed, 'resolved', 'resolved'],
    ['resolved', resolved, 'resolved', undefined],
  ])('ends a %s incident', (_, previous, phase, emit) => {
    const step = closeIncident(previous, 'rule_deleted', at(500));
    expect(step.next?.phase).toBe(phase);
    expect(step.emit).toBe(emit);
    expect(step.events.map((event) => event.reason)).toEqual(emit === undefined ? [] : ['rule_deleted']);
  });
});
