import { SECOND } from './time.js';

export const INCIDENT_STATES = ['pending', 'firing', 'acknowledged', 'snoozed', 'resolved'] as const;
/** Where an incident stands. `acknowledged` and `snoozed` are firing with a person's mark on it. */
export type IncidentPhase = (typeof INCIDENT_STATES)[number];

export const NOTIFY_REASONS = ['fired', 'resolved'] as const;
/** Why a notification leaves: one per transition. */
export type NotifyReason = (typeof NOTIFY_REASONS)[number];

/** Everything the next decision needs to know of an incident. Times are milliseconds, UTC. */
export interface IncidentState {
  phase: IncidentPhase;
  pendingAt: number;
  firedAt?: number;
  acknowledgedAt?: number;
  snoozedUntil?: number;
  resolvedAt?: number;
  /** When a breach last held: as last seen, or the newest occurrence where that is what breaches. */
  lastBreachAt: number;
  value: number;
  peak: number;
}

/** What a rule says of one series at one moment. */
export interface Verdict {
  breached: boolean;
  /** The measured value, in the unit of the rule's threshold. */
  value: number;
  /** Newest matching occurrence, milliseconds. */
  lastAt?: number;
  /** When the breach held, where one occurrence is the breach. Undefined: it holds now. */
  breachAt?: number;
}

export interface AlertPolicy {
  /** How long a breach must hold before it fires. 0 fires at once. */
  forSeconds: number;
  /** How long there must be no breach before a firing incident resolves. */
  resolveAfterSeconds: number;
}

export type IncidentEventType = 'pending' | 'fired' | 'resolved';
/** Why the machine moved; stored in the timeline. */
export type TransitionReason = 'breach' | 'held' | 'recovered' | 'rule_disabled' | 'rule_deleted';

export interface IncidentNote {
  at: number;
  type: IncidentEventType;
  reason: TransitionReason;
  value: number;
}

export interface Transition {
  /** Undefined where there is no incident afterwards: nothing happened, or a pending one went away. */
  next: IncidentState | undefined;
  emit: NotifyReason | undefined;
  /** Timeline entries, one per change of phase. */
  events: IncidentNote[];
}

/**
 * The step of the alert state machine: pending, firing, resolved.
 *
 * - A breach opens an incident; it fires once it has held for `forSeconds`.
 * - A pending incident whose breach ends disappears without a word.
 * - A firing incident resolves when no breach was seen for `resolveAfterSeconds`, so that a value
 *   that swings around its threshold stays one incident. Where an occurrence is the breach, that time
 *   runs from the newest one, but never from before the incident fired: a late event's page stays open
 *   as long as any other.
 * - Resolved is the end: the next breach opens a new incident, whatever `previous` says.
 * - Acknowledged and snoozed behave as firing.
 *
 * @param previous the open incident, or undefined
 * @param now milliseconds; may lie before the times in `previous` (another replica's clock), which
 *   moves nothing back
 */
export function nextIncidentState(
  previous: IncidentState | undefined,
  verdict: Verdict,
  policy: AlertPolicy,
  now: number,
): Transition {
  if (previous === undefined || previous.phase === 'resolved') {
    return verdict.breached ? open(verdict, policy, now) : { next: previous, emit: undefined, events: [] };
  }
  const measured: IncidentState = {
    ...previous,
    value: verdict.value,
    peak: Math.max(previous.peak, verdict.value),
    lastBreachAt: verdict.breached
      ? Math.max(previous.lastBreachAt, verdict.breachAt ?? now)
      : previous.lastBreachAt,
  };
  if (previous.phase === 'pending') return stepPending(measured, verdict, policy, now);
  const holds = verdict.breached && verdict.breachAt === undefined;
  const since = Math.max(measured.lastBreachAt, measured.firedAt ?? measured.lastBreachAt);
  const quiet = now - since >= policy.resolveAfterSeconds * SECOND;
  return !holds && quiet ? resolve(measured, now, 'recovered') : unchanged(measured);
}

/**
 * Ends an incident whose rule no longer watches. A pending one disappears; one that fired resolves,
 * so that whatever was paged is closed.
 */
export function closeIncident(
  previous: IncidentState,
  reason: Extract<TransitionReason, 'rule_disabled' | 'rule_deleted'>,
  now: number,
): Transition {
  if (previous.phase === 'resolved') return unchanged(previous);
  return previous.phase === 'pending' ? GONE : resolve(previous, now, reason);
}

const GONE: Transition = { next: undefined, emit: undefined, events: [] };

function open(verdict: Verdict, policy: AlertPolicy, now: number): Transition {
  const { value, breachAt: lastBreachAt = now } = verdict;
  const pending: IncidentState = { phase: 'pending', pendingAt: now, lastBreachAt, value, peak: value };
  if (policy.forSeconds === 0) return fire(pending, now, 'breach');
  return { next: pending, emit: undefined, events: [{ at: now, type: 'pending', reason: 'breach', value }] };
}

function stepPending(
  measured: IncidentState,
  verdict: Verdict,
  policy: AlertPolicy,
  now: number,
): Transition {
  if (!verdict.breached) return GONE;
  return now - measured.pendingAt >= policy.forSeconds * SECOND
    ? fire(measured, now, 'held')
    : unchanged(measured);
}

function fire(state: IncidentState, now: number, reason: TransitionReason): Transition {
  const next: IncidentState = { ...state, phase: 'firing', firedAt: now };
  return { next, emit: 'fired', events: [{ at: now, type: 'fired', reason, value: state.value }] };
}

function resolve(state: IncidentState, now: number, reason: TransitionReason): Transition {
  // A replica whose clock is behind must not resolve before it fired.
  const at = Math.max(now, state.lastBreachAt, state.firedAt ?? now);
  const next: IncidentState = { ...state, phase: 'resolved', resolvedAt: at };
  return { next, emit: 'resolved', events: [{ at, type: 'resolved', reason, value: state.value }] };
}

function unchanged(next: IncidentState): Transition {
  return { next, emit: undefined, events: [] };
}
