import { text as readText } from 'node:stream/consumers';
import { uuidV7 } from '@errata/platform';
import { Option } from 'commander';
import type { Command } from 'commander';
import { Failure, guarded, processIo } from '../replay/failure.js';
import type { CommandIo } from '../replay/failure.js';
import { parseObject } from '../replay/json.js';
import { durationOption, integerOption, pairOption } from '../replay/options.js';
import { Sender } from '../replay/sender.js';
import type { Delivery } from '../replay/sender.js';
import { errataHome, findTarget } from '../replay/target.js';

/** Flags of `errata send`, as commander gives them. */
export interface SendFlags {
  dsn?: string;
  code?: string;
  status?: number;
  message?: string;
  tenant?: string;
  environment?: string;
  service?: string;
  route?: string;
  method?: string;
  requestId?: string;
  attr: Record<string, string>;
  eventId?: string;
  timestamp?: string;
  giveUpAfter: number;
  json?: boolean;
}

/** Adds `errata send`. */
export function registerSend(program: Command, io: CommandIo = processIo()): void {
  program
    .command('send')
    .description('send one event, from options or as JSON on standard input')
    .argument('[source]', '- reads the event as JSON from standard input')
    .option('--dsn <dsn>', 'where to send (default: the instance running here)')
    .option('--code <code>', 'error code')
    .option('--status <status>', 'HTTP status', integerOption(100, 599))
    .option('--message <text>', 'error message')
    .option('--tenant <name>', 'tenant')
    .option('--environment <name>', 'environment')
    .option('--service <name>', 'service')
    .option('--route <path>', 'route of the request')
    .option('--method <method>', 'method of the request')
    .option('--request-id <id>', 'request id')
    .option('--attr <key=value>', 'attribute; may be given again', pairOption, {})
    .option('--event-id <uuid>', 'event id (default: a new UUIDv7)')
    .option('--timestamp <time>', 'RFC 3339 time (default: now)')
    .addOption(
      new Option('--give-up-after <time>', 'longest wait for the server, e.g. 10s')
        .argParser(durationOption)
        .default(30_000, '30s'),
    )
    .option('--json', 'print the answer as JSON')
    .action((source: string | undefined, flags: SendFlags) => guarded(io, () => run(source, flags, io)));
}

/** The event that the flags describe, in the wire format of `POST /v1/events`. */
export function eventFromFlags(flags: SendFlags): Record<string, unknown> {
  return pruned({
    event_id: flags.eventId,
    timestamp: flags.timestamp,
    environment: flags.environment,
    service: flags.service,
    tenant: flags.tenant,
    request_id: flags.requestId,
    http: pruned({ method: flags.method, route: flags.route, status: flags.status }),
    error: pruned({ code: flags.code, message: flags.message }),
    attributes: pruned(flags.attr),
  });
}

async function run(source: string | undefined, flags: SendFlags, io: CommandIo): Promise<void> {
  const given = await readEvent(source, flags, io);
  const event = {
    ...given,
    event_id: given['event_id'] ?? uuidV7(io.now()),
    timestamp: given['timestamp'] ?? new Date(io.now()).toISOString(),
  };
  const target = await findTarget(flags.dsn, errataHome(io.env, io.cwd));
  const deliveries: Delivery[] = [];
  const sender = new Sender({
    target,
    giveUpAfterMs: flags.giveUpAfter,
    now: io.now,
    random: io.random,
    onDelivery: (delivery) => deliveries.push(delivery),
    onRetry: (reason) => io.stderr.write(`${reason}; trying again\n`),
  });
  await sender.submit({ events: [JSON.stringify(event)], positions: [1] });
  await sender.drain();
  report(event.event_id, deliveries, flags.json === true, io);
}

async function readEvent(
  source: string | undefined,
  flags: SendFlags,
  io: CommandIo,
): Promise<Record<string, unknown>> {
  const fromFlags = eventFromFlags(flags);
  const isEmpty = Object.keys(fromFlags).length === 0;
  if (source === undefined) {
    if (fromFlags['error'] ?? fromFlags['http']) return fromFlags;
    throw new Failure('nothing to send: give at least --code, --status or --message, or - for JSON.');
  }
  if (source !== '-')
    throw new Failure(`cannot send "${source}": only - is read here. Use errata replay for files.`);
  if (!isEmpty) throw new Failure('give the event either as JSON on standard input or as options, not both.');
  const event = parseObject(await readText(io.stdin));
  if (!event) throw new Failure('standard input is not one JSON object. Use errata replay for many events.');
  return event;
}

function report(eventId: unknown, deliveries: Delivery[], json: boolean, io: CommandIo): void {
  const [delivery] = deliveries;
  if (!delivery) throw new Failure('the server gave no answer.');
  const { accepted, rejected, requestId } = delivery;
  const [first] = rejected;
  if (json) {
    io.stdout.write(`${JSON.stringify({ event_id: eventId, accepted, rejected, request_id: requestId })}\n`);
  } else {
    const verdict = first ? 'rejected' : 'accepted';
    io.stdout.write(
      `event ${typeof eventId === 'string' ? eventId : JSON.stringify(eventId)} ${verdict}${requestId ? ` (request ${requestId})` : ''}\n`,
    );
  }
  if (!first) return;
  const field = first.field === undefined ? '' : `${first.field}: `;
  throw new Failure(`the server rejected the event: ${first.code}: ${field}${first.message}`);
}

/** Without what is absent or empty. */
function pruned(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).filter(
      ([, value]) =>
        value !== undefined && !(typeof value === 'object' && Object.keys(value ?? {}).length === 0),
    ),
  );
}
