import { ConfigError, parseEnv } from '@errata/platform';
import type { Command } from 'commander';
import { prepareDatabase } from '../start/prepare.js';

/** `errata migrate`: for production, where nothing migrates by itself. */
export function registerMigrate(program: Command): void {
  program
    .command('migrate')
    .description('bring the database of DATABASE_URL up to date: schema, queue tables, shipped catalogs')
    .action(async () => {
      const env = parseEnv();
      if (env.DATABASE_URL === undefined) {
        throw new ConfigError(
          'DATABASE_URL is not set. Name the Postgres server to migrate; `errata start` migrates its own.',
        );
      }
      const applied = await prepareDatabase(env.DATABASE_URL, env.QUEUE_PREFIX, Date.now());
      process.stdout.write(
        applied.length === 0 ? 'The database is up to date.\n' : `Applied: ${applied.join(', ')}\n`,
      );
    });
}
