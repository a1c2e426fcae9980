import { SCOPES } from '@errata/contracts';
import { ConfigError, parseEnv } from '@errata/platform';
import {
  createApiToken,
  createIngestKey,
  createProject,
  dsnOf,
  ensureOrganization,
  openStorage,
} from '@errata/storage';
import type { Storage } from '@errata/storage';
import type { Command } from 'commander';

/** `errata setup`: the first organization, project, key and token of a production database. */
export function registerSetup(program: Command): void {
  program
    .command('setup')
    .description('make the first project with an ingest key and an API token in the database of DATABASE_URL')
    .option('--name <name>', 'name of the project', 'My API')
    .option(
      '--again',
      'make another key and token for the first project of a database that was set up before',
    )
    .action(async (flags: { name: string; again?: boolean }) => {
      const env = parseEnv();
      if (env.DATABASE_URL === undefined) {
        throw new ConfigError(
          'DATABASE_URL is not set. Name the Postgres server; `errata start` sets its own up by itself.',
        );
      }
      const storage = await openStorage({ databaseUrl: env.DATABASE_URL, poolSize: 2 });
      try {
        const made = await setUp(storage, flags.name, flags.again === true, Date.now());
        const url = env.PUBLIC_URL ?? `http://${env.HOST}:${env.PORT}`;
        process.stderr.write('Keep the API token now; it is not shown again.\n');
        process.stdout.write(
          `DSN        ${dsnOf(url, made.publicKey, made.projectId)}\nAPI token  ${made.token}\n`,
        );
      } finally {
        await storage.close();
      }
    });
}

/** Makes what {@link registerSetup} prints. @throws Error where the database was set up before */
export async function setUp(storage: Storage, name: string, again: boolean, now: number) {
  const organization = await ensureOrganization(storage.db, 'default', 'Default organization');
  const organizationId = organization.id;
  const known = await storage.db.project.findFirst({ where: { organizationId }, orderBy: { id: 'asc' } });
  if (known !== null && !again) {
    throw new ConfigError(
      `this database was set up before (project ${known.id}, ${JSON.stringify(known.name)}). Use --again for another key and token.`,
    );
  }
  const project = known ?? (await createProject(storage, { organizationId, name }, now));
  const key = await createIngestKey(storage, { projectId: project.id, label: 'setup' }, now);
  const { token } = await createApiToken(storage, { organizationId, name: 'setup', scopes: SCOPES }, now);
  return { projectId: project.id, publicKey: key.publicKey, token };
}
