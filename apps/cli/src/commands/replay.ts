import { Option } from 'commander';
import type { Command } from 'commander';
import { guarded, processIo } from '../replay/failure.js';
import type { CommandIo } from '../replay/failure.js';
import { FORMATS } from '../replay/interpret.js';
import type { Format } from '../replay/interpret.js';
import { amountOption, durationOption, integerOption } from '../replay/options.js';
import { ReplayStopped, replay } from '../replay/run.js';
import { formatTally } from '../replay/tally.js';
import type { Tally } from '../replay/tally.js';
import { errataHome, findTarget } from '../replay/target.js';

interface Flags {
  dsn?: string;
  format: Format;
  shiftToNow?: boolean;
  rate: number;
  batch: number;
  service: string;
  tenant?: string;
  withIp?: boolean;
  dryRun?: boolean;
  giveUpAfter: number;
  json?: boolean;
}

/** Adds `errata replay FILE`. */
export function registerReplay(program: Command, io: CommandIo = processIo()): void {
  program
    .command('replay')
    .description('send a file of events (NDJSON) or an access log (combined format), plain or gzipped')
    .argument('<file>', 'file to send; - reads standard input')
    .option('--dsn <dsn>', 'where to send (default: the instance running here)')
    .addOption(new Option('--format <format>', 'how to read the lines').choices(FORMATS).default('auto'))
    .option('--shift-to-now', 'move times by whole days, so that the newest line is less than 24 hours old')
    .option('--rate <events/s>', 'most events per second, 0 for as many as the server takes', amountOption, 0)
    .option('--batch <n>', 'most events in one request', integerOption(1, 1_000), 500)
    .option('--service <name>', 'service of events from an access log', 'access-log')
    .option('--tenant <name>', 'tenant of events from an access log')
    .option('--with-ip', 'keep client addresses of an access log')
    .option('--dry-run', 'read and count, send nothing')
    .addOption(
      new Option('--give-up-after <time>', 'longest wait without progress, e.g. 90s or 5m')
        .argParser(durationOption)
        .default(300_000, '5m'),
    )
    .option('--json', 'print the summary as JSON')
    .action((file: string, flags: Flags) => guarded(io, () => run(file, flags, io)));
}

async function run(file: string, flags: Flags, io: CommandIo): Promise<void> {
  const {
    dryRun,
    json,
    withIp = false,
    shiftToNow = false,
    giveUpAfter: giveUpAfterMs,
    dsn,
    ...rest
  } = flags;
  const target = dryRun ? undefined : await findTarget(dsn, errataHome(io.env, io.cwd));
  const print = (tally: Tally): void => {
    io.stdout.write(json ? `${JSON.stringify(tally)}\n` : formatTally(tally));
  };
  try {
    print(await replay({ ...rest, file, withIp, shiftToNow, giveUpAfterMs, target }, io));
  } catch (error) {
    if (error instanceof ReplayStopped) print(error.tally);
    throw error;
  }
}
