import type { Command } from 'commander';
import { TARGET_OPTIONS, call, findTarget } from './api-client.js';
import type { TargetFlags } from './api-client.js';

interface TokenRow {
  id: string;
  name: string;
  last_four: string;
  scopes: string[];
  created_at: string;
  revoked_at: string | null;
  token?: string;
}

/** `errata token create|list|revoke`. */
export function registerToken(program: Command): void {
  const group = program.command('token').description('create, list and revoke API tokens');

  const create = group
    .command('create <name>')
    .description('create a token; it is shown once')
    .option('--scope <scope...>', 'what it may do (default: events:read alerts:read project:read)')
    .action(async (name: string, flags: TargetFlags & { scope?: string[] }) => {
      const scopes = flags.scope ?? ['events:read', 'alerts:read', 'project:read'];
      const project = flags.project === undefined ? {} : { project_id: Number(flags.project) };
      const made = await call<TokenRow>(await findTarget(flags), 'POST', '/api/v1/tokens', {
        name,
        scopes,
        ...project,
      });
      process.stderr.write(`Token ${made.id}. Keep it now; it is not shown again.\n`);
      process.stdout.write(`${made.token ?? ''}\n`);
    });

  const list = group
    .command('list')
    .description('list tokens')
    .action(async (flags: TargetFlags) => {
      const { data } = await call<{ data: TokenRow[] }>(await findTarget(flags), 'GET', '/api/v1/tokens');
      for (const row of data) {
        const state = row.revoked_at === null ? '' : `  revoked ${row.revoked_at}`;
        process.stdout.write(
          `${row.id}  …${row.last_four}  ${row.name}  ${row.scopes.join(',')}  ${row.created_at}${state}\n`,
        );
      }
    });

  const revoke = group
    .command('revoke <id>')
    .description('revoke a token; it stops working within a second')
    .action(async (id: string, flags: TargetFlags) => {
      await call(await findTarget(flags), 'DELETE', `/api/v1/tokens/${encodeURIComponent(id)}`);
      process.stdout.write(`Revoked ${id}\n`);
    });

  for (const command of [create, list, revoke])
    for (const [flag, text] of TARGET_OPTIONS) command.option(flag, text);
}
