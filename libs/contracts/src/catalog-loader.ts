import { LineCounter, isCollection, isMap, isNode, isPair, isScalar, parseDocument } from 'yaml';
import type { Document } from 'yaml';
import type { z } from 'zod';
import type { Catalog } from '@errata/core';
import { catalogEntry, catalogFile, retryRule, successNote, toCatalog } from './catalog-schema.js';

/** One thing wrong with a catalog file. */
export interface CatalogProblem {
  /** From 1. */
  line: number;
  /** E.g. `entries[3].retry.condition`; empty for the file as a whole. */
  path: string;
  message: string;
  hint?: string;
}

/** A catalog file that cannot be used, with everything that is wrong with it. */
export class CatalogError extends Error {
  override readonly name = 'CatalogError';

  constructor(readonly problems: CatalogProblem[]) {
    super(problems.map(format).join('\n'));
  }
}

const MAX_FILE = 2_097_152;
const MAX_PROBLEMS = 50;

/**
 * Reads a catalog from YAML (or JSON, which is YAML).
 * @param yamlText at most 2 MiB
 * @throws CatalogError naming line, field and remedy of up to 50 problems
 */
export function parseCatalog(yamlText: string): Catalog {
  if (yamlText.length > MAX_FILE) {
    throw new CatalogError([{ line: 1, path: '', message: 'the file is larger than 2 MiB' }]);
  }
  const lines = new LineCounter();
  const document = parseDocument(yamlText, { lineCounter: lines, prettyErrors: false });
  const lineAt = (offset: number) => Math.max(lines.linePos(offset).line, 1);
  if (document.errors.length > 0) {
    throw new CatalogError(
      document.errors.slice(0, MAX_PROBLEMS).map((error) => ({
        line: lineAt(error.pos[0]),
        path: '',
        message: `not readable as YAML: ${error.message}`,
      })),
    );
  }
  const parsed = catalogFile.safeParse(plain(document));
  if (parsed.success) return toCatalog(parsed.data);
  const problems = parsed.error.issues.flatMap((issue) => problemsOf(issue, document, lineAt));
  throw new CatalogError(problems.sort((a, b) => a.line - b.line).slice(0, MAX_PROBLEMS));
}

/** Plain values; the parser's bound on alias expansion keeps a small file from growing huge. */
function plain(document: Document): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new CatalogError([{ line: 1, path: '', message: `not readable as YAML: ${message}` }]);
  }
}

type LineAt = (offset: number) => number;

function problemsOf(issue: z.core.$ZodIssue, document: Document, lineAt: LineAt): CatalogProblem[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      line: lineAt(offsetOf(document, [...issue.path, key])),
      path: pathText([...issue.path, key]),
      message: 'unknown key',
      hint: keyHint(key, issue.path),
    }));
  }
  const missing = issue.code !== 'custom' && issue.path.length > 0 && !document.hasIn(issue.path);
  const problem = {
    line: lineAt(offsetOf(document, issue.path)),
    path: pathText(issue.path),
    message: missing ? 'is missing' : issue.code === 'custom' ? issue.message : lowerFirst(issue.message),
  };
  return issue.code === 'invalid_value' && !missing
    ? [{ ...problem, message: 'unknown value', hint: `one of ${issue.values.map(String).join(', ')}` }]
    : [problem];
}

/** Offset of the key that a path ends in, or of the nearest place around it that exists. */
function offsetOf(document: Document, path: readonly PropertyKey[]): number {
  let node: unknown = document.contents;
  let offset = startOf(node) ?? 0;
  for (const part of path) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(part));
      if (pair === undefined) return offset;
      offset = startOf(pair.key) ?? offset;
      node = pair.value;
    } else {
      node = isCollection(node) ? node.items[Number(part)] : undefined;
      offset = startOf(node) ?? offset;
    }
  }
  return offset;
}

function startOf(node: unknown): number | undefined {
  if (isPair(node)) return startOf(node.key);
  return isNode(node) ? node.range?.[0] : undefined;
}

function keyHint(key: string, path: readonly PropertyKey[]): string {
  const known = knownKeys(path);
  const near = known
    .map((candidate) => ({ candidate, distance: editDistance(key.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance)[0];
  return near !== undefined && near.distance <= 3 && near.distance < near.candidate.length
    ? `did you mean ${near.candidate}?`
    : `known keys here: ${known.join(', ')}`;
}

function knownKeys(path: readonly PropertyKey[]): string[] {
  if (path.length === 0) return Object.keys(catalogFile.shape);
  if (path[0] === 'success') return Object.keys(successNote.shape);
  return Object.keys(path.at(-1) === 'retry' ? retryRule.shape : catalogEntry.shape);
}

/** Levenshtein distance; inputs are cut to 40 characters. */
function editDistance(a: string, b: string): number {
  const [from, to] = [a.slice(0, 40), b.slice(0, 40)];
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= to.length; j += 1) {
      const swap = (row[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}

function pathText(path: readonly PropertyKey[]): string {
  return path
    .map((part, index) => (typeof part === 'number' ? `[${part}]` : `${index > 0 ? '.' : ''}${String(part)}`))
    .join('');
}

function lowerFirst(message: string): string {
  return message.charAt(0).toLowerCase() + message.slice(1);
}

function format({ line, path, message, hint }: CatalogProblem): string {
  const where = path === '' ? `line ${line}` : `line ${line}: ${path}`;
  return `${where}: ${message}${hint === undefined ? '' : ` (${hint})`}`;
}
