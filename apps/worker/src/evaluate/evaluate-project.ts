import { buildAlertMessage, decideDeletedRule, decideRule } from '@errata/core';
import type { AlertRule, Decision, NotifyReason, OpenIncident, RuleSeries } from '@errata/core';
import { uuidV7 } from '@errata/platform';
import type { Clock } from '@errata/platform';
import {
  addToOutbox,
  channelsToNotify,
  inSavepoint,
  readAlertRules,
  readDocumentedEntry,
  readFiredNote,
  readOpenIncidents,
  readRuleSeries,
  withAlertLock,
  writeIncidents,
} from '@errata/storage';
import type { IncidentWrite, NoteData, OutboxMessage, Sql, Storage } from '@errata/storage';

export interface EvaluateDeps {
  storage: Storage;
  clock: Clock;
  /** Where links in messages lead, without a slash at the end. */
  publicUrl: string;
  /** Told of each rule that could not be evaluated. Left out: they are thrown once the others are stored. */
  onRuleError?: (ruleId: string, error: unknown) => void;
}

export interface Evaluation {
  fired: number;
  resolved: number;
  /** Messages put into the outbox. */
  messages: number;
}

/** What is true for every decision of one evaluation. */
interface Round {
  sql: Sql;
  project: { id: number; name: string };
  now: number;
  publicUrl: string;
}

interface RuleFailure {
  ruleId: string;
  error: unknown;
}

/**
 * Evaluates the rules of one project: reads, decides purely, and writes incidents, timeline and outbox
 * in one transaction under the project's lock. A rule that fails does so alone: its incidents stay as
 * they are, and those of the other rules are stored.
 * @throws AggregateError after the commit where rules failed and there is no `onRuleError`
 */
export async function evaluateProject(deps: EvaluateDeps, projectId: number): Promise<Evaluation> {
  const { done, failures } = await withAlertLock(deps.storage.db, projectId, async (sql) => {
    // Read after the lock is held, so that of two replicas the second also has the later time.
    const now = deps.clock.now();
    const done: Evaluation = { fired: 0, resolved: 0, messages: 0 };
    const project = await readProject(sql, projectId);
    if (project === undefined) return { done, failures: [] };
    return { done, failures: await evaluateAll({ sql, project, now, publicUrl: deps.publicUrl }, done) };
  });
  const { onRuleError } = deps;
  if (onRuleError !== undefined) failures.forEach(({ ruleId, error }) => onRuleError(ruleId, error));
  else if (failures.length > 0) throw failureOf(failures);
  return done;
}

function failureOf(failures: readonly RuleFailure[]): AggregateError {
  const ids = failures.map((one) => one.ruleId).join(', ');
  return new AggregateError(
    failures.map((one) => one.error),
    `rules that could not be evaluated: ${ids}`,
  );
}

async function readProject(sql: Sql, projectId: number) {
  const rows = await sql.$queryRawUnsafe<Array<{ id: number; name: string }>>(
    'SELECT id, name FROM project WHERE id = $1::int',
    projectId,
  );
  return rows[0];
}

interface Decided {
  /** Undefined where the rule was deleted. */
  rule: AlertRule | undefined;
  ruleId: string;
  decision: Decision;
}

/** Evaluates rule by rule and adds what came of it to `done`. @returns the rules that failed */
async function evaluateAll(round: Round, done: Evaluation): Promise<RuleFailure[]> {
  const { sql, project, now } = round;
  const rules = await readAlertRules(sql, project.id);
  const open = byRule(await readOpenIncidents(sql, project.id));
  const failures: RuleFailure[] = [];
  const attempt = async (ruleId: string, decide: () => Decided[] | Promise<Decided[]>) => {
    const failure = await inSavepoint(sql, async () => store(round, await decide(), done));
    if (failure !== undefined) failures.push({ ruleId, error: failure.error });
  };
  for (const rule of rules) {
    const incidents = open.get(rule.id) ?? [];
    open.delete(rule.id);
    await attempt(rule.id, async () => {
      const series = await seriesOf(sql, project.id, rule, incidents, now);
      const decisions = decideRule(rule, series, incidents, now);
      return decisions.map((decision) => ({ rule, ruleId: rule.id, decision }));
    });
  }
  for (const [ruleId, incidents] of open) {
    await attempt(ruleId, () =>
      decideDeletedRule(incidents, now).map((decision) => ({ rule: undefined, ruleId, decision })),
    );
  }
  return failures;
}

/** Writes what was decided for one rule. */
async function store(round: Round, decided: readonly Decided[], done: Evaluation): Promise<void> {
  const { sql, project, now } = round;
  if (decided.length === 0) return;
  const outcomes: Outcome[] = [];
  for (const one of decided) outcomes.push(await outcomeOf(round, one));
  const writes = outcomes.map((one) => one.write);
  const messages = outcomes.flatMap((one) => one.messages);
  await writeIncidents(sql, project.id, writes, now);
  await addToOutbox(sql, project.id, messages, now);
  const count = (reason: NotifyReason) =>
    decided.filter((one) => one.decision.transition.emit === reason).length;
  done.fired += count('fired');
  done.resolved += count('resolved');
  done.messages += messages.length;
}

function byRule(incidents: readonly OpenIncident[]): Map<string, OpenIncident[]> {
  const grouped = new Map<string, OpenIncident[]>();
  for (const incident of incidents) {
    grouped.set(incident.ruleId, [...(grouped.get(incident.ruleId) ?? []), incident]);
  }
  return grouped;
}

async function seriesOf(
  sql: Sql,
  projectId: number,
  rule: AlertRule,
  open: readonly OpenIncident[],
  now: number,
): Promise<RuleSeries[]> {
  if (!rule.enabled) return [];
  return readRuleSeries(
    sql,
    projectId,
    rule,
    open.map((incident) => incident.groupKey),
    now,
  );
}

interface Outcome {
  write: IncidentWrite;
  messages: OutboxMessage[];
}

async function outcomeOf(round: Round, decided: Decided): Promise<Outcome> {
  const { decision, rule, ruleId } = decided;
  const { incident, transition } = decision;
  const id = incident?.id ?? uuidV7(round.now);
  const note =
    transition.emit === 'resolved' ? await readFiredNote(round.sql, round.project.id, id) : noteOf(decision);
  const messages =
    transition.emit === undefined ? [] : await messagesOf(round, decided, id, note, transition.emit);
  const write: IncidentWrite = {
    id,
    ruleId,
    groupKey: decision.groupKey,
    labels: decision.labels,
    severity: incident?.severity ?? rule?.severity ?? 'high',
    next: transition.next,
    events: transition.events.map((event) => ({ ...event, data: note })),
  };
  return { write: messages.length > 0 ? { ...write, notifiedAt: round.now } : write, messages };
}

function noteOf({ series }: Decision): NoteData {
  if (series === undefined) return {};
  const { lastAt, code, tenant, classId } = series;
  return {
    lastAt,
    ...(code === undefined ? {} : { code }),
    ...(tenant === undefined ? {} : { tenant }),
    ...(classId === undefined ? {} : { classId }),
  };
}

async function messagesOf(
  round: Round,
  decided: Decided,
  incidentId: string,
  note: NoteData,
  reason: NotifyReason,
): Promise<OutboxMessage[]> {
  const { sql, project, now } = round;
  const channels = await channelsToNotify(sql, project.id, reason, incidentId, decided.rule?.channelIds);
  if (channels.length === 0) return [];
  const payload = await payloadOf(round, decided, incidentId, note, reason);
  return channels.map((channelId) => ({ id: uuidV7(now), incidentId, channelId, reason, payload }));
}

async function payloadOf(
  round: Round,
  decided: Decided,
  incidentId: string,
  note: NoteData,
  reason: NotifyReason,
) {
  const { sql, project, now, publicUrl } = round;
  const { decision, rule, ruleId } = decided;
  const state = decision.transition.next!;
  // Without one code there is no one meaning: the newest event's would be an accident.
  const single = note.code !== undefined && note.classId !== undefined;
  const entry = single ? await readDocumentedEntry(sql, project.id, note.classId!) : undefined;
  return buildAlertMessage({
    reason,
    now,
    incident: {
      id: incidentId,
      phase: state.phase,
      severity: decision.incident?.severity ?? rule?.severity ?? 'high',
      labels: decision.labels,
      value: state.value,
      peak: state.peak,
      startedAt: state.pendingAt,
      ...(state.resolvedAt === undefined ? {} : { resolvedAt: state.resolvedAt }),
      url: `${publicUrl}/api/v1/projects/${project.id}/incidents/${incidentId}`,
    },
    rule: rule ?? { id: ruleId, name: 'Deleted rule' },
    project,
    ...(note.code === undefined ? {} : { code: note.code }),
    ...(note.tenant === undefined ? {} : { tenant: note.tenant }),
    ...(entry?.documented === undefined ? {} : { documented: entry.documented }),
    ...(entry === undefined ? {} : { retryability: entry.retryability }),
  });
}
