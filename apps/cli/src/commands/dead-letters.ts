import type { Command } from 'commander';
import { TARGET_OPTIONS, call, findTarget } from './api-client.js';
import type { TargetFlags } from './api-client.js';

interface Letter {
  id: string;
  stage: string;
  reason_code: string;
  reason: string;
  received_at: string;
}

/** `errata dead-letters list|replay`: events that could not be stored, and their second chance. */
export function registerDeadLetters(program: Command): void {
  const group = program
    .command('dead-letters')
    .description('look at and replay events that could not be stored');

  const list = group
    .command('list')
    .description('list pending dead letters, newest first')
    .option('--limit <n>', 'how many', '100')
    .option('--json', 'whole letters as JSON lines')
    .action(async (flags: TargetFlags & { limit: string; json?: boolean }) => {
      const target = await findTarget(flags);
      const route = `/api/v1/projects/${target.projectId}/dead-letters?limit=${encodeURIComponent(flags.limit)}`;
      const { data } = await call<{ data: Letter[] }>(target, 'GET', route);
      if (flags.json === true) for (const letter of data) process.stdout.write(`${JSON.stringify(letter)}\n`);
      else process.stdout.write(data.length === 0 ? 'No dead letters.\n' : data.map(line).join(''));
    });

  const replay = group
    .command('replay [ids...]')
    .description(
      'queue dead letters again (all pending ones without ids); what was stored meanwhile is not doubled',
    )
    .action(async (ids: string[], flags: TargetFlags) => {
      const target = await findTarget(flags);
      const route = `/api/v1/projects/${target.projectId}/dead-letters/replay`;
      const body = ids.length === 0 ? {} : { ids };
      const answer = await call<{ queued: number; refused: Array<{ id: string; reason: string }> }>(
        target,
        'POST',
        route,
        body,
      );
      process.stdout.write(`Queued again: ${answer.queued}\n`);
      for (const { id, reason } of answer.refused)
        process.stderr.write(`errata: ${id} was not queued: ${reason}\n`);
      if (answer.refused.length > 0) process.exitCode = 1;
    });

  for (const command of [list, replay]) for (const [flag, text] of TARGET_OPTIONS) command.option(flag, text);
}

function line(letter: Letter): string {
  return `${letter.received_at}  ${letter.id}  ${letter.stage}/${letter.reason_code}  ${letter.reason}\n`;
}
