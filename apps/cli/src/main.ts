import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { registerDeadLetters } from './commands/dead-letters.js';
import { registerDoctor } from './commands/doctor.js';
import { registerMigrate } from './commands/migrate.js';
import { registerReplay } from './commands/replay.js';
import { registerSend } from './commands/send.js';
import { registerSetup } from './commands/setup.js';
import { registerToken } from './commands/token.js';
import { start } from './start/start.js';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

const program = new Command('errata')
  .description('Self-hosted error-code analytics.')
  .version(version)
  .showHelpAfterError('(errata --help lists the commands)');

program
  .command('start')
  .description('run everything on this machine: embedded Postgres, worker and API')
  .action(async () => {
    process.exitCode = await start();
    process.exit();
  });
registerMigrate(program);
registerSetup(program);
registerReplay(program);
registerSend(program);
registerToken(program);
registerDeadLetters(program);
registerDoctor(program);

try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(`errata: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
