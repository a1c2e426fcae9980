import { Inject, Injectable } from '@nestjs/common';
import { ApiError, RULE_FIELDS, ruleInput } from '@errata/contracts';
import type { RuleInput, RuleView } from '@errata/contracts';
import { uuidV7 } from '@errata/platform';
import type { Clock } from '@errata/platform';
import { writeAudit } from '@errata/storage';
import type { AuditEntry, Prisma, Storage } from '@errata/storage';
import { z } from 'zod';
import type { CallerToken } from '../auth/policy.js';
import { CLOCK, STORAGE } from '../tokens.js';
import { actorOf } from './actor.js';
import { readInput } from './read-input.js';

/** Every evaluation reads all rules of its project, so their number is bounded. */
const MAX_RULES = 200;

const rulePatch = z.strictObject(
  Object.fromEntries(RULE_FIELDS.map((field) => [field, z.unknown().optional()])),
);
type RuleRow = Prisma.AlertRuleModel;

/** What stands in the log beside a change: who asked, in which organization. */
export type Actor = Pick<CallerToken, 'organizationId' | 'tokenId'>;

/** Alert rules of a project: reading, checking and storing them. Evaluation reads them at its next run. */
@Injectable()
export class AlertRulesService {
  constructor(
    @Inject(STORAGE) private readonly storage: Storage,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  async list(projectId: number): Promise<RuleView[]> {
    const rows = await this.storage.db.alertRule.findMany({ where: { projectId }, orderBy: { id: 'asc' } });
    return rows.map(viewOf);
  }

  /** @throws ApiError RULE_NOT_FOUND */
  async get(projectId: number, id: string): Promise<RuleView> {
    return viewOf(await this.find(projectId, id));
  }

  /** @throws ApiError INVALID_FIELD, UNKNOWN_FIELD, CONFLICT */
  async create(projectId: number, body: unknown, actor: Actor): Promise<RuleView> {
    const input = readInput(ruleInput, body, 'INVALID_FIELD', 'UNKNOWN_FIELD');
    await this.checkChannels(projectId, input);
    const { db } = this.storage;
    if ((await db.alertRule.count({ where: { projectId } })) >= MAX_RULES) {
      throw new ApiError(
        'CONFLICT',
        `The project has ${MAX_RULES} rules, which is the limit. Delete one first.`,
      );
    }
    const now = this.clock.now();
    const at = new Date(now);
    const id = uuidV7(now);
    return db.$transaction(async (tx) => {
      const data = { ...columnsOf(input), projectId, id, createdAt: at, updatedAt: at };
      const row = await tx.alertRule.create({ data });
      await writeAudit(tx, auditOf(actor, 'alert_rule.create', id, input.name), now);
      return viewOf(row);
    });
  }

  /**
   * Changes what the body names; the whole rule must be valid afterwards.
   * @throws ApiError RULE_NOT_FOUND, INVALID_FIELD, UNKNOWN_FIELD
   */
  async update(projectId: number, id: string, body: unknown, actor: Actor): Promise<RuleView> {
    const patch = readInput(rulePatch, body, 'INVALID_FIELD', 'UNKNOWN_FIELD');
    const before = await this.find(projectId, id);
    const input = readInput(
      ruleInput,
      { ...writableOf(before, patch), ...patch },
      'INVALID_FIELD',
      'UNKNOWN_FIELD',
    );
    await this.checkChannels(projectId, input);
    const now = this.clock.now();
    return this.storage.db.$transaction(async (tx) => {
      const data = { ...columnsOf(input), updatedAt: new Date(now) };
      const row = await tx.alertRule.update({ where: { projectId_id: { projectId, id } }, data });
      await writeAudit(tx, auditOf(actor, 'alert_rule.update', id, input.name), now);
      return viewOf(row);
    });
  }

  /** Deletes a rule; the next evaluation resolves its open incidents. @throws ApiError RULE_NOT_FOUND */
  async remove(projectId: number, id: string, actor: Actor): Promise<void> {
    const { name } = await this.find(projectId, id);
    await this.storage.db.$transaction(async (tx) => {
      await tx.alertRule.deleteMany({ where: { projectId, id } });
      await writeAudit(tx, auditOf(actor, 'alert_rule.delete', id, name), this.clock.now());
    });
  }

  private async find(projectId: number, id: string): Promise<RuleRow> {
    const known = z.uuid().safeParse(id).success;
    const row = known ? await this.storage.db.alertRule.findFirst({ where: { projectId, id } }) : null;
    if (row === null)
      throw new ApiError('RULE_NOT_FOUND', `This project has no alert rule ${JSON.stringify(id)}.`);
    return row;
  }

  private async checkChannels(projectId: number, { channel_ids: wanted }: RuleInput): Promise<void> {
    if (wanted === null) return;
    const rows = await this.storage.db.channel.findMany({
      where: { projectId, id: { in: wanted } },
      select: { id: true },
    });
    const missing = wanted.filter((id) => !rows.some((row) => row.id === id));
    if (missing.length === 0) return;
    const errors = missing.map((id) => ({
      field: 'channel_ids',
      message: `this project has no channel ${id}`,
    }));
    throw new ApiError('INVALID_FIELD', `channel_ids: this project has no channel ${missing.join(', ')}.`, {
      errors,
    });
  }
}

/** The line of the audit log for a change of alerting. */
export const auditOf = (actor: Actor, action: string, target: string, name: string): AuditEntry => ({
  organizationId: actor.organizationId,
  actor: actorOf(actor),
  action,
  target,
  data: { name },
});

function columnsOf(input: RuleInput) {
  return {
    name: input.name,
    kind: input.kind,
    enabled: input.enabled,
    filters: plain(input.filters),
    groupBy: input.group_by,
    params: plain(input.params),
    forSeconds: input.for_seconds,
    resolveAfterSeconds: input.resolve_after_seconds,
    severity: input.severity,
    labels: input.labels,
    runbookUrl: input.runbook_url,
    channelIds: input.channel_ids ?? [],
  };
}

/** The same without keys that hold nothing. */
function plain(value: object): Prisma.InputJsonObject {
  return JSON.parse(JSON.stringify(value)) as Prisma.InputJsonObject;
}

/** The rule as it is, under what a patch changes. Params of another kind are of no use to the new one. */
function writableOf(row: RuleRow, patch: Record<string, unknown>): Record<string, unknown> {
  const { id: _id, origin: _origin, created_at: _created, updated_at: _updated, ...fields } = viewOf(row);
  const sameKind = patch['kind'] === undefined || patch['kind'] === row.kind;
  return { ...fields, params: sameKind ? fields.params : {} };
}

function viewOf(row: RuleRow): RuleView {
  return {
    id: row.id,
    name: row.name,
    kind: row.kind,
    enabled: row.enabled,
    filters: row.filters as Record<string, unknown>,
    group_by: row.groupBy,
    params: row.params as Record<string, unknown>,
    for_seconds: row.forSeconds,
    resolve_after_seconds: row.resolveAfterSeconds,
    severity: row.severity,
    labels: row.labels as Record<string, unknown>,
    runbook_url: row.runbookUrl,
    channel_ids: row.channelIds.length === 0 ? null : row.channelIds,
    origin: row.origin === 'default' ? 'default' : 'user',
    created_at: row.createdAt.toISOString(),
    updated_at: row.updatedAt.toISOString(),
  };
}
