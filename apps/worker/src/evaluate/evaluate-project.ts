import { buildAlertMessage, decideDeletedRule, decideRule } from '@errata/core';
import type { AlertRule, Decision, NotifyReason, OpenIncident, RuleSeries } from '@errata/core';
import { uuidV7 } from '@errata/platform';
import type { Clock } from '@errata/platform';
import {
  addToOutbox,
  channelsToNotify,
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

/**
 * Evaluates the rules of one project: reads, decides purely, and writes incidents, timeline and outbox
 * in one transaction under the project's lock.
 */
export async function evaluateProject(deps: EvaluateDeps, projectId: number): Promise<Evaluation> {
  return withAlertLock(deps.storage.db, projectId, async (sql) => {
    // Read after the lock is held, so that of two replicas the second also has the later time.
    const now = deps.clock.now();
    const project = await readProject(sql, projectId);
    if (project === undefined) return { fired: 0, resolved: 0, messages: 0 };
    const round: Round = { sql, project, now, publicUrl: deps.publicUrl };
    const decided = await decideAll(round);
    const outcomes: Outcome[] = [];
    for (const one of decided) outcomes.push(await outcomeOf(round, one));
    await writeIncidents(
      sql,
      projectId,
      outcomes.map((one) => one.write),
      now,
    );
    const messages = outcomes.flatMap((one) => one.messages);
    await addToOutbox(sql, projectId, messages, now);
    const count = (reason: NotifyReason) =>
      decided.filter((one) => one.decision.transition.emit === reason).length;
    return { fired: count('fired'), resolved: count('resolved'), messages: messages.length };
  });
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

async function decideAll({ sql, project, now }: Round): Promise<Decided[]> {
  const rules = await readAlertRules(sql, project.id);
  const open = byRule(await readOpenIncidents(sql, project.id));
  const decided: Decided[] = [];
  for (const rule of rules) {
    const incidents = open.get(rule.id) ?? [];
    open.delete(rule.id);
    const series = await seriesOf(sql, project.id, rule, incidents, now);
    const decisions = decideRule(rule, series, incidents, now);
    decided.push(...decisions.map((decision) => ({ rule, ruleId: rule.id, decision })));
  }
  for (const [ruleId, incidents] of open) {
    const decisions = decideDeletedRule(incidents, now);
    decided.push(...decisions.map((decision) => ({ rule: undefined, ruleId, decision })));
  }
  return decided;
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
