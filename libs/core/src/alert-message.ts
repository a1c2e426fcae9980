import type { IncidentPhase, NotifyReason } from './alert-state.js';
import type { CatalogEntry, RetryRule } from './catalog.js';
import type { AlertRule, RuleKind } from './evaluate-rule.js';
import type { Retryability, Severity } from './event.js';
import { toRfc3339 } from './time.js';

/** What the documentation says of the code, as it goes out with an alert. */
export interface DocumentedError {
  catalog: string;
  section: string;
  title: string;
  meaning: string;
  causes: string[];
  resolution: string;
  retry: RetryRule;
  docs_url: string | null;
}

/** An alert as it leaves Errata: the payload of a Standard Webhooks message. */
export interface AlertMessage {
  type: 'incident.firing' | 'incident.resolved';
  timestamp: string;
  data: {
    summary: string;
    incident: {
      id: string;
      state: IncidentPhase;
      severity: Severity;
      labels: Record<string, string>;
      value: number;
      peak: number;
      started_at: string;
      resolved_at: string | null;
      url: string;
    };
    rule: { id: string; name: string; kind: RuleKind | null; runbook_url: string | null };
    project: { id: number; name: string };
    code: string | null;
    tenant: string | null;
    count: number;
    window_seconds: number | null;
    documented: DocumentedError | null;
    retryability: Retryability | null;
  };
}

/** Standard Webhooks asks for payloads under 20 kB. */
export const MAX_MESSAGE_BYTES = 20_000;

export interface AlertMessageInput {
  reason: NotifyReason;
  now: number;
  incident: {
    id: string;
    phase: IncidentPhase;
    severity: Severity;
    labels: Record<string, string>;
    value: number;
    peak: number;
    startedAt: number;
    resolvedAt?: number;
    url: string;
  };
  /** A deleted rule has neither kind nor window. */
  rule: Pick<AlertRule, 'id' | 'name' | 'runbookUrl'> & Partial<Pick<AlertRule, 'kind' | 'params'>>;
  project: { id: number; name: string };
  /** Undefined where the series spans several, the empty text where there is none. */
  code?: string;
  tenant?: string;
  documented?: { catalog: string; entry: CatalogEntry };
  retryability?: Retryability;
}

/**
 * Writes the message of one notification.
 * @returns a message whose JSON stays under {@link MAX_MESSAGE_BYTES}; long texts are cut, with an
 *   ellipsis, as far as that needs
 */
export function buildAlertMessage(input: AlertMessageInput): AlertMessage {
  const { incident, rule, project, now } = input;
  const message: AlertMessage = {
    type: input.reason === 'fired' ? 'incident.firing' : 'incident.resolved',
    timestamp: toRfc3339(now),
    data: {
      summary: summaryOf(input),
      incident: {
        id: incident.id,
        state: incident.phase,
        severity: incident.severity,
        labels: incident.labels,
        value: rounded(incident.value),
        peak: rounded(incident.peak),
        started_at: toRfc3339(incident.startedAt),
        resolved_at: incident.resolvedAt === undefined ? null : toRfc3339(incident.resolvedAt),
        url: incident.url,
      },
      rule: { id: rule.id, name: rule.name, kind: rule.kind ?? null, runbook_url: rule.runbookUrl ?? null },
      project,
      code: input.code || null,
      tenant: input.tenant || null,
      count: eventCount(input),
      window_seconds: rule.params?.windowSeconds ?? null,
      documented: input.documented === undefined ? null : documentedOf(input.documented),
      retryability: input.retryability ?? null,
    },
  };
  return fitted(message);
}

/**
 * The alert in one line of words, e.g. "TENANT_ACCESS_DENIED: 12 events for acme in 5 min (this code
 * should never occur)". A firing one counts the window, a resolved one names its peak.
 */
export function summaryOf(input: AlertMessageInput): string {
  const { rule, reason } = input;
  const subject = input.code || rule.name;
  const count = eventCount(input);
  const events = `${count} ${count === 1 ? 'event' : 'events'}`;
  const whom = input.tenant ? ` for ${input.tenant}` : '';
  const window = rule.params === undefined ? '' : ` in ${spanOf(rule.params.windowSeconds)}`;
  if (reason === 'resolved') return `Resolved: ${subject}${whom} (at its peak ${events}${window})`;
  return `${subject}: ${events}${whom}${window}${whyOf(input)}`;
}

function whyOf({ rule, code }: AlertMessageInput): string {
  if (rule.kind === 'never') return ` (${code ? 'this code' : 'such an error'} should never occur)`;
  const threshold = rule.params?.threshold;
  return threshold === undefined ? '' : ` (the threshold is ${threshold})`;
}

// The sliding estimate has a fraction; people and receivers are told whole events.
function eventCount({ reason, incident }: AlertMessageInput): number {
  return Math.round(reason === 'fired' ? incident.value : incident.peak);
}

/** A length of time in words: `45 s`, `5 min`, `2 h`. */
export function spanOf(seconds: number): string {
  if (seconds % 3_600 === 0) return `${seconds / 3_600} h`;
  return seconds % 60 === 0 ? `${seconds / 60} min` : `${seconds} s`;
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}

function documentedOf({ catalog, entry }: { catalog: string; entry: CatalogEntry }): DocumentedError {
  return {
    catalog,
    section: entry.section,
    title: entry.title,
    meaning: entry.meaning,
    causes: entry.causes.slice(0, 10),
    resolution: entry.resolution,
    retry: entry.retry,
    docs_url: entry.docsUrl ?? null,
  };
}

// Characters that one text may keep, tried in turn until the whole fits.
const TEXT_BUDGETS = [4_000, 1_000, 300, 60];
// A link is kept whole or not at all; the one to the incident always.
const MAX_URL = 1_000;
const OPTIONAL_LINKS: ReadonlySet<string> = new Set(['runbook_url', 'docs_url']);

function fitted(message: AlertMessage): AlertMessage {
  const links = cut(message, Infinity) as AlertMessage;
  if (bytesOf(links) < MAX_MESSAGE_BYTES) return links;
  for (const budget of TEXT_BUDGETS) {
    const shorter = cut(links, budget) as AlertMessage;
    if (bytesOf(shorter) < MAX_MESSAGE_BYTES) return shorter;
  }
  // Only a great many labels can still be too much.
  const bare = cut(links, TEXT_BUDGETS.at(-1)!) as AlertMessage;
  return { ...bare, data: { ...bare.data, incident: { ...bare.data.incident, labels: {} } } };
}

// Half of a surrogate pair at the end of a cut text: Postgres refuses it in jsonb.
const HALF_PAIR = /[\ud800-\udbff]$/;

function cut(value: unknown, budget: number, key = ''): unknown {
  if (typeof value === 'string') {
    if (key === 'url') return value;
    if (OPTIONAL_LINKS.has(key)) return value.length > MAX_URL ? null : value;
    return value.length > budget ? `${value.slice(0, budget - 1).replace(HALF_PAIR, '')}…` : value;
  }
  if (Array.isArray(value)) return value.map((item) => cut(item, budget));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, cut(item, budget, name)]));
}

function bytesOf(message: AlertMessage): number {
  return new TextEncoder().encode(JSON.stringify(message)).length;
}
