import fc from 'fast-check';
import {
  decideDeletedRule,
  decideRule,
  defaultRules,
  effectiveFilters,
  groupKeyOf,
  judge,
  relevantMinutes,
  slidingCount,
} from './evaluate-rule.js';
import type { AlertRule, OpenIncident, RuleSeries } from './evaluate-rule.js';
import { DAY, HOUR, MINUTE, SECOND } from './time.js';

const T = Date.UTC(2026, 10, 22, 12, 0, 0);

describe('slidingCount', () => {
  const buckets = [
    { minute: T - 5 * MINUTE, count: 60 },
    { minute: T - MINUTE, count: 10 },
    { minute: T, count: 3 },
  ];
  it.each([
    ['counts whole minutes in full', T + MINUTE, 6 * MINUTE, 73],
    ['counts the running minute in full', T + 1 * SECOND, MINUTE, 3 + 10 * (59 / 60)],
    ['weighs the minute that the window cuts', T + 45 * SECOND, 5 * MINUTE, 60 * 0.25 + 13],
    ['drops what is outside', T + MINUTE, 2 * MINUTE, 13],
    ['drops everything in the end', T + 10 * MINUTE, MINUTE, 0],
    ['counts minutes that a fast clock put ahead', T - 5 * MINUTE, 5 * MINUTE, 73],
  ])('%s', (_, now, windowMs, expected) => {
    expect(slidingCount(buckets, now, windowMs)).toBeCloseTo(expected, 9);
  });

  it('lies between the count of the whole minutes inside and of the minutes touched', () => {
    const bucket = fc.record({
      minute: fc.integer({ min: -60, max: 2 }).map((n) => T + n * MINUTE),
      count: fc.nat(1_000),
    });
    fc.assert(
      fc.property(
        fc.uniqueArray(bucket, { selector: (one) => one.minute }),
        fc.nat(MINUTE),
        fc.integer({ min: 1, max: 60 }),
        (given, offset, minutes) => {
          const now = T + offset;
          const start = now - minutes * MINUTE;
          const sum = (keep: (minute: number) => boolean) =>
            given.filter((one) => keep(one.minute)).reduce((total, one) => total + one.count, 0);
          const value = slidingCount(given, now, minutes * MINUTE);
          expect(value).toBeGreaterThanOrEqual(sum((minute) => minute >= start) - 1e-6);
          expect(value).toBeLessThanOrEqual(sum((minute) => minute + MINUTE > start) + 1e-6);
        },
      ),
    );
  });

  it('never rises by the passing of time', () => {
    const bucket = fc.record({
      minute: fc.integer({ min: -10, max: 0 }).map((n) => T + n * MINUTE),
      count: fc.nat(50),
    });
    fc.assert(
      fc.property(fc.array(bucket), fc.nat(600_000), fc.nat(600_000), (given, a, b) => {
        const [early, late] = [Math.min(a, b), Math.max(a, b)];
        expect(slidingCount(given, T + late, 5 * MINUTE)).toBeLessThanOrEqual(
          slidingCount(given, T + early, 5 * MINUTE) + 1e-6,
        );
      }),
    );
  });
});

describe('relevantMinutes', () => {
  const params = { windowSeconds: 300 };
  const after = T - 6 * MINUTE;
  const until = T + 10 * MINUTE;
  it.each([
    ['a threshold: over the cut minute', { kind: 'threshold' as const, params }, after],
    ['a never rule: over a day', { kind: 'never' as const, params }, T - DAY - MINUTE],
    [
      'a never rule of this day: to when it was made',
      { kind: 'never' as const, params, createdAt: T - HOUR },
      T - HOUR - MINUTE,
    ],
    ['a never rule of just now: the window', { kind: 'never' as const, params, createdAt: T }, after],
  ])('%s', (_, rule, expected) => {
    expect(relevantMinutes(rule, T)).toEqual({ after: expected, until, windowAfter: after });
  });
});

const series = (count: number, lastAt: number): RuleSeries => ({
  labels: { code: 'X', tenant: 'acme' },
  buckets: [{ minute: T, count }],
  lastAt,
});

describe('judge', () => {
  const threshold = {
    kind: 'threshold' as const,
    params: { threshold: 10, windowSeconds: 300 },
    forSeconds: 0,
  };
  const never = { kind: 'never' as const, params: { windowSeconds: 300 }, forSeconds: 0 };
  const waiting = { ...never, forSeconds: 60 };
  it.each([
    ['threshold: below', threshold, series(9, T), T, false, 9],
    ['threshold: reached', threshold, series(10, T), T, true, 10],
    ['threshold: no data', threshold, undefined, T, false, 0],
    ['never: one event', never, series(1, T), T + 299_999, true, 1],
    ['never: late, and told by nobody', never, series(1, T), T + DAY - 1, true, 1],
    ['never: too late', never, series(1, T), T + DAY, false, 0],
    ['never: told of', never, { ...series(1, T), reportedAt: T }, T + SECOND, false, 1],
    ['never: newer than what was told of', never, { ...series(1, T), reportedAt: T - 1 }, T, true, 1],
    ['never: older than the rule', { ...never, createdAt: T + 1 }, series(1, T), T + SECOND, false, 1],
    ['never: as old as the rule', { ...never, createdAt: T }, series(1, T), T + SECOND, true, 1],
    ['never that waits: inside the window', waiting, series(1, T), T + 299_999, true, 1],
    ['never that waits: late', waiting, series(1, T), T + 300_000, false, 1],
    ['never: from a clock that is ahead', never, series(1, T + 5 * MINUTE), T, true, 1],
    ['never: no data', never, undefined, T, false, 0],
  ])('%s', (_, rule, given, now, breached, value) => {
    expect(judge(rule, given, now)).toMatchObject({ breached, value });
  });

  it('counts at least one event while a never rule is breached', () => {
    const short = { ...never, params: { windowSeconds: 5 } };
    expect(judge(short, series(1, T + 59_000), T + 62_000)).toMatchObject({ breached: true, value: 1 });
  });

  it.each([
    ['pending, inside the window', 'pending' as const, 299_999, true],
    ['pending, after the window', 'pending' as const, 300_000, false],
    ['firing, after the window', 'firing' as const, 300_000, true],
  ])('judges a never rule whose incident is %s', (_, phase, age, breached) => {
    const told = { ...series(1, T), reportedAt: T };
    expect(judge(waiting, told, T + age, phase).breached).toBe(breached);
  });

  it('is not breached by a threshold rule without a threshold', () => {
    expect(judge({ ...threshold, params: { windowSeconds: 60 } }, series(1e9, T), T).breached).toBe(false);
  });
});

describe('groupKeyOf', () => {
  it('does not depend on the order of the labels', () => {
    expect(groupKeyOf({ tenant: 'acme', code: 'X' })).toBe(groupKeyOf({ code: 'X', tenant: 'acme' }));
  });

  it('tells values apart whatever characters they hold', () => {
    const labels = fc.record({ code: fc.string(), tenant: fc.string() }, { requiredKeys: [] });
    fc.assert(
      fc.property(labels, labels, (a, b) => {
        const same = a.code === b.code && a.tenant === b.tenant;
        expect(groupKeyOf(a) === groupKeyOf(b)).toBe(same);
      }),
    );
  });
});

const rule: AlertRule = { ...defaultRules()[0]!, id: 'rule', labels: { team: 'api', code: 'shadowed' } };
const open = (groupKey: string): OpenIncident => ({
  id: 'incident',
  ruleId: 'rule',
  groupKey,
  labels: { code: 'X', tenant: 'acme' },
  severity: 'critical',
  state: { phase: 'firing', pendingAt: T, firedAt: T, lastBreachAt: T, value: 1, peak: 1 },
});

describe('decideRule', () => {
  const key = groupKeyOf({ code: 'X', tenant: 'acme' });

  it('opens an incident with the labels of rule and series, the series first', () => {
    const [decision, ...rest] = decideRule(rule, [series(12, T)], [], T);
    expect(rest).toEqual([]);
    expect(decision).toMatchObject({
      incident: undefined,
      groupKey: key,
      labels: { team: 'api', code: 'X', tenant: 'acme' },
      transition: { emit: 'fired', next: { phase: 'firing', value: 12 } },
    });
  });

  it('finds the open incident of a series and fires no second time', () => {
    const decisions = decideRule(rule, [series(12, T)], [open(key)], T + SECOND);
    expect(decisions).toHaveLength(1);
    expect(decisions[0]).toMatchObject({ incident: { id: 'incident' }, transition: { emit: undefined } });
  });

  it('resolves an open incident whose series has no data any more', () => {
    const decisions = decideRule(rule, [], [open(key)], T + 300_000);
    expect(decisions).toMatchObject([{ incident: { id: 'incident' }, transition: { emit: 'resolved' } }]);
  });

  it.each([
    ['shorter than', 60],
    ['as long as', 300],
    ['longer than', 600],
  ])('resolves a never incident by its last event, with a quiet time %s the window', (_, quiet) => {
    const given = { ...rule, resolveAfterSeconds: quiet };
    const told = { ...series(1, T), reportedAt: T };
    const emitted = (at: number) => decideRule(given, [told], [open(key)], at)[0]!.transition.emit;
    expect(emitted(T + quiet * SECOND - 1)).toBeUndefined();
    expect(emitted(T + quiet * SECOND)).toBe('resolved');
  });

  it('keeps a never incident open while events go on, from the newest one', () => {
    const [decision] = decideRule(rule, [series(2, T + 200_000)], [open(key)], T + 301_000);
    expect(decision!.transition).toMatchObject({
      emit: undefined,
      next: { phase: 'firing', lastBreachAt: T + 200_000 },
    });
  });

  it('says nothing of series that are fine', () => {
    expect(decideRule(rule, [{ ...series(1, T), reportedAt: T }], [], T)).toEqual([]);
  });

  it('ends the incidents of a disabled rule at once, whatever its series say', () => {
    const decisions = decideRule({ ...rule, enabled: false }, [series(12, T)], [open(key)], T + SECOND);
    expect(decisions).toHaveLength(1);
    expect(decisions[0]!.transition).toMatchObject({
      emit: 'resolved',
      events: [{ reason: 'rule_disabled' }],
    });
  });

  it('ends the incidents of a deleted rule', () => {
    expect(decideDeletedRule([open(key)], T + SECOND)).toMatchObject([
      { transition: { emit: 'resolved', events: [{ reason: 'rule_deleted' }] } },
    ]);
  });
});

describe('effectiveFilters', () => {
  it.each([
    ['a never rule without a code watches what should never occur', 'never', {}, { expectation: ['never'] }],
    ['other filters stay', 'never', { tenant: ['acme'] }, { tenant: ['acme'], expectation: ['never'] }],
    ['a never rule with a code watches that code', 'never', { code: ['X'] }, { code: ['X'] }],
    [
      'a never rule that names an expectation means it',
      'never',
      { expectation: ['rare'] },
      { expectation: ['rare'] },
    ],
    ['a threshold rule watches everything', 'threshold', {}, {}],
  ] as const)('%s', (_, kind, filters, expected) => {
    expect(effectiveFilters({ kind, filters: structuredClone(filters) as AlertRule['filters'] })).toEqual(
      expected,
    );
  });
});
