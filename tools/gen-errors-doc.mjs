// Writes docs/errors.md from catalogs/errata.yaml. `--check` writes nothing and exits 1 when the
// document is stale; `--out FILE` works on another document.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { parse } from 'yaml';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const { values } = parseArgs({ options: { check: { type: 'boolean' }, out: { type: 'string' } } });
const target = path.resolve(values.out ?? path.join(root, 'docs/errors.md'));

const RETRY = {
  retryable: 'Yes',
  conditional: 'After a change',
  permanent: 'No',
  unknown: 'Not known',
};

const STRATEGY = {
  retry_after: ': wait for the seconds in `Retry-After`',
  backoff: ': back off exponentially with jitter',
};

function statusesOf(entry) {
  return (entry.statuses ?? [entry.status]).join(', ');
}

function retryText({ retryability, strategy, condition }) {
  if (condition !== undefined) return `${RETRY[retryability]}, once ${condition}`;
  return `${RETRY[retryability]}${STRATEGY[strategy] ?? ''}`;
}

function entryText(entry) {
  const causes = (entry.causes ?? []).map((cause) => `- ${cause}`).join('\n');
  return [
    `### ${entry.code}`,
    `**${entry.title}** · status ${statusesOf(entry)} · ${entry.category}`,
    entry.meaning,
    ...(causes === '' ? [] : [`Causes:\n\n${causes}`]),
    `What to do: ${entry.resolution}`,
    `Retry: ${retryText(entry.retry)}.`,
  ].join('\n\n');
}

function render({ entries }) {
  const rows = entries.map(
    (entry) =>
      `| [${entry.code}](#${entry.code.toLowerCase()}) | ${statusesOf(entry)} | ${RETRY[entry.retry.retryability]} |`,
  );
  const sections = [...new Set(entries.map((entry) => entry.section))];
  return `${[
    '<!-- Generated from catalogs/errata.yaml by tools/gen-errors-doc.mjs. Do not edit. -->',
    '# Error codes',
    "Every error of Errata's API is an RFC 9457 `application/problem+json` object with `type`, `title`, `status`, `detail`, `code`, `request_id`, `retryable` and, where fields are at fault, `errors`. The codes and what to do about them:",
    ['| Code | Status | Retry |', '| --- | --- | --- |', ...rows].join('\n'),
    'A code with the statuses 400 and 202 stands in `rejected` of a 202 when other events of the same request were accepted.',
    ...sections.flatMap((section) => [
      `## ${section}`,
      ...entries.filter((entry) => entry.section === section).map(entryText),
    ]),
  ].join('\n\n')}\n`;
}

function current() {
  try {
    return readFileSync(target, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return '';
    throw error;
  }
}

const wanted = render(parse(readFileSync(path.join(root, 'catalogs/errata.yaml'), 'utf8')));
if (!values.check) {
  writeFileSync(target, wanted);
} else if (current() !== wanted) {
  process.stderr.write(
    `${path.relative(root, target)} is older than catalogs/errata.yaml. Run: node tools/gen-errors-doc.mjs\n`,
  );
  process.exitCode = 1;
}
