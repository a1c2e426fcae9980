import { closeIncident, nextIncidentState } from './alert-state.js';
import type { IncidentPhase, IncidentState, Transition, Verdict } from './alert-state.js';
import type { Severity } from './event.js';
import { DAY, MINUTE, SECOND } from './time.js';

/** Kinds of rules that are evaluated. */
export const RULE_KINDS = ['threshold', 'never'] as const;
export type RuleKind = (typeof RULE_KINDS)[number];

/** Dimensions by which a rule splits counts into series, in the order in which they are written. */
export const GROUP_DIMENSIONS = [
  'code',
  'tenant',
  'environment',
  'service',
  'status',
  'retryability',
] as const;
export type GroupDimension = (typeof GROUP_DIMENSIONS)[number];

/** Dimensions by which a rule picks events. */
export const FILTER_DIMENSIONS = [...GROUP_DIMENSIONS, 'category', 'severity', 'expectation'] as const;
export type FilterDimension = (typeof FILTER_DIMENSIONS)[number];

/** Any of the values of every dimension named; a dimension that is not named matches everything. */
export type RuleFilters = Partial<Record<FilterDimension, string[]>>;

export interface RuleParams {
  windowSeconds: number;
  /** Events inside the window at which a `threshold` rule is breached. */
  threshold?: number;
}

export interface AlertRule {
  id: string;
  name: string;
  kind: RuleKind;
  enabled: boolean;
  filters: RuleFilters;
  groupBy: GroupDimension[];
  params: RuleParams;
  forSeconds: number;
  resolveAfterSeconds: number;
  severity: Severity;
  /** Fixed labels of the rule's incidents. */
  labels: Record<string, string>;
  runbookUrl?: string;
  /** Undefined: every enabled channel of the project. */
  channelIds?: string[];
  /** When the rule was made, milliseconds: what occurred before pages nobody. Undefined: always there. */
  createdAt?: number;
}

/** How late an occurrence may reach us and still page by a `never` rule. */
export const LATEST_ARRIVAL = DAY;

/** How far ahead of our clock a client's may be: such events are accepted, and count as now. */
export const CLOCK_SKEW = 10 * MINUTE;

/** Events of one UTC minute. */
export interface MinuteCount {
  /** Start of the minute, milliseconds. */
  minute: number;
  count: number;
}

/** One series of a rule: the counts of one combination of its group-by values. */
export interface RuleSeries {
  labels: Partial<Record<GroupDimension, string>>;
  buckets: MinuteCount[];
  /** Newest occurrence, milliseconds. */
  lastAt: number;
  /** The code and the tenant of the series, where there is exactly one. The empty text is "none". */
  code?: string;
  tenant?: string;
  /** Classification of the newest occurrence. */
  classId?: number;
  /** Newest occurrence that an incident of this series has told of, resolved ones included, milliseconds. */
  reportedAt?: number;
}

/**
 * Minutes whose counts can matter to a rule. What is older is not read, so that replaying last week's
 * events pages nobody. A `never` rule looks back over {@link LATEST_ARRIVAL}, because its one event may
 * have been buffered by a client or waited for us, but not to before it was made.
 * @returns milliseconds; minutes with `after < minute <= until`; `windowAfter` is where the window starts
 */
export function relevantMinutes(
  rule: Pick<AlertRule, 'kind' | 'params' | 'createdAt'>,
  now: number,
): { after: number; until: number; windowAfter: number } {
  const windowAfter = now - rule.params.windowSeconds * SECOND - MINUTE;
  const until = now + CLOCK_SKEW;
  if (rule.kind !== 'never') return { after: windowAfter, until, windowAfter };
  const late = Math.max(now - LATEST_ARRIVAL, rule.createdAt ?? 0) - MINUTE;
  return { after: Math.min(windowAfter, late), until, windowAfter };
}

/**
 * Events inside a sliding window, estimated from minute counts:
 *
 *   sum over buckets of count * clamp((minute + 60 s - (now - window)) / 60 s, 0, 1)
 *
 * Whole minutes inside the window count in full, the running minute included; the minute that the
 * window's start cuts counts by the share of it that is still inside, as if its events were spread
 * evenly. The error is at most the count of that one minute.
 *
 * @param windowMs at least one minute, or shorter for a coarse answer
 */
export function slidingCount(buckets: readonly MinuteCount[], now: number, windowMs: number): number {
  const start = now - windowMs;
  let total = 0;
  for (const { minute, count } of buckets) {
    total += count * Math.min(Math.max((minute + MINUTE - start) / MINUTE, 0), 1);
  }
  return total;
}

/**
 * What a rule says of one of its series.
 *
 * - `threshold`: breached while the sliding count is at or above the threshold.
 * - `never`: breached by an occurrence that no incident has told of, see {@link neverBreached}. The
 *   value is the sliding count, at least 1 while it is breached.
 *
 * @param phase of the series' open incident, or undefined
 */
export function judge(
  rule: Pick<AlertRule, 'kind' | 'params' | 'forSeconds' | 'createdAt'>,
  series: RuleSeries | undefined,
  now: number,
  phase?: IncidentPhase,
): Verdict {
  if (series === undefined) return { breached: false, value: 0 };
  const { lastAt } = series;
  const count = slidingCount(series.buckets, now, rule.params.windowSeconds * SECOND);
  if (rule.kind === 'threshold') {
    return { breached: count >= (rule.params.threshold ?? Infinity), value: count, lastAt };
  }
  if (!neverBreached(rule, series, now, phase)) return { breached: false, value: count, lastAt };
  return { breached: true, value: Math.max(1, count), lastAt, breachAt: lastAt };
}

/**
 * - Without an incident: the newest occurrence is younger than {@link LATEST_ARRIVAL}, not older than
 *   the rule, and newer than what the series' last incident told of. A rule that waits needs an
 *   occurrence inside its window, since what is long over cannot hold.
 * - Pending: the newest occurrence is inside the window.
 * - Firing: always; the incident follows the newest occurrence and resolves by its age.
 */
function neverBreached(
  rule: Pick<AlertRule, 'params' | 'forSeconds' | 'createdAt'>,
  { lastAt, reportedAt = -Infinity }: RuleSeries,
  now: number,
  phase: IncidentPhase | undefined,
): boolean {
  const inWindow = now - lastAt < rule.params.windowSeconds * SECOND;
  if (phase === 'pending') return inWindow;
  if (phase !== undefined && phase !== 'resolved') return true;
  if (lastAt <= reportedAt || lastAt < (rule.createdAt ?? -Infinity)) return false;
  return inWindow || (rule.forSeconds === 0 && now - lastAt < LATEST_ARRIVAL);
}

/** The text by which an open incident is found again: group-by values in one fixed order. */
export function groupKeyOf(labels: Partial<Record<GroupDimension, string>>): string {
  const pairs = GROUP_DIMENSIONS.flatMap((name) =>
    labels[name] === undefined ? [] : [[name, labels[name]]],
  );
  return JSON.stringify(pairs);
}

/** An incident that is not resolved, as stored. */
export interface OpenIncident {
  id: string;
  ruleId: string;
  groupKey: string;
  labels: Record<string, string>;
  severity: Severity;
  state: IncidentState;
}

/** What becomes of one series of a rule, or of an open incident that has none any more. */
export interface Decision {
  /** Undefined: a new incident. */
  incident: OpenIncident | undefined;
  groupKey: string;
  labels: Record<string, string>;
  series: RuleSeries | undefined;
  transition: Transition;
}

/**
 * Decides all series of one rule: those with data, and the open incidents without.
 * @returns decisions that open, change or end an incident; series that are fine and have no
 *   incident are left out
 */
export function decideRule(
  rule: AlertRule,
  series: readonly RuleSeries[],
  open: readonly OpenIncident[],
  now: number,
): Decision[] {
  if (!rule.enabled) return open.map((incident) => closing(incident, 'rule_disabled', now));
  const openByKey = new Map(open.map((incident) => [incident.groupKey, incident]));
  const decisions = series.map((one) => {
    const groupKey = groupKeyOf(one.labels);
    const incident = openByKey.get(groupKey);
    openByKey.delete(groupKey);
    return decide(rule, one, incident, groupKey, now);
  });
  const silent = [...openByKey.values()].map((one) => decide(rule, undefined, one, one.groupKey, now));
  return [...decisions, ...silent].filter(
    ({ incident, transition }) => incident !== undefined || transition.next !== undefined,
  );
}

/** Decides the open incidents of a rule that is gone. */
export function decideDeletedRule(open: readonly OpenIncident[], now: number): Decision[] {
  return open.map((incident) => closing(incident, 'rule_deleted', now));
}

function decide(
  rule: AlertRule,
  series: RuleSeries | undefined,
  incident: OpenIncident | undefined,
  groupKey: string,
  now: number,
): Decision {
  return {
    incident,
    groupKey,
    labels: incident?.labels ?? { ...rule.labels, ...series?.labels },
    series,
    transition: nextIncidentState(
      incident?.state,
      judge(rule, series, now, incident?.state.phase),
      rule,
      now,
    ),
  };
}

function closing(incident: OpenIncident, reason: 'rule_disabled' | 'rule_deleted', now: number): Decision {
  const { groupKey, labels } = incident;
  return {
    incident,
    groupKey,
    labels,
    series: undefined,
    transition: closeIncident(incident.state, reason, now),
  };
}

/** The name of the rule that every project starts with. */
export const NEVER_RULE_NAME = 'Codes that should never occur';

/**
 * Rules that every project starts with: one that pages on the first occurrence of any code whose
 * documentation says that it should never occur.
 */
export function defaultRules(): Array<Omit<AlertRule, 'id'>> {
  return [
    {
      name: NEVER_RULE_NAME,
      kind: 'never',
      enabled: true,
      filters: {},
      groupBy: ['code', 'tenant'],
      params: { windowSeconds: 300 },
      forSeconds: 0,
      resolveAfterSeconds: 300,
      severity: 'critical',
      labels: {},
    },
  ];
}

/** A rule's filters as they apply: a `never` rule without a code watches all that should never occur. */
export function effectiveFilters(rule: Pick<AlertRule, 'kind' | 'filters'>): RuleFilters {
  const { kind, filters } = rule;
  if (kind !== 'never' || filters.code !== undefined || filters.expectation !== undefined) return filters;
  return { ...filters, expectation: ['never'] };
}
