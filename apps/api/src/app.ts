import { readFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { fileURLToPath } from 'node:url';
import { BullModule } from '@nestjs/bullmq';
import { APP_FILTER, APP_GUARD, NestFactory } from '@nestjs/core';
import { Global, Module } from '@nestjs/common';
import type { DynamicModule } from '@nestjs/common';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { parseCatalog } from '@errata/contracts';
import type { Catalog } from '@errata/core';
import {
  NestLogger,
  createLogger,
  createMetrics,
  createMemoryRateLimiter,
  createRedisRateLimiter,
  producerOptions,
  selectQueueBackend,
  systemClock,
  uuidV7,
} from '@errata/platform';
import type { Clock, Env, Logger, RateLimiter } from '@errata/platform';
import { openStorage } from '@errata/storage';
import type { Storage } from '@errata/storage';
import type { FastifyReply } from 'fastify';
import { Redis } from 'ioredis';
import { AdminModule } from './admin/admin.module.js';
import { AlertsAdminModule } from './admin/alerts-admin.module.js';
import { AuthGuard } from './auth/auth.guard.js';
import { createKeyCache, createTokenCache } from './auth/key-cache.js';
import { registerBodyParser } from './body-parser.js';
import { DocsModule } from './docs/docs.module.js';
import { HealthController } from './health/health.controller.js';
import { HttpErrorsFilter } from './http-errors.filter.js';
import { IngestModule } from './ingest/ingest.module.js';
import { QueryModule } from './query/query.module.js';
import * as tokens from './tokens.js';

/** What the composition root was given or made, for tests and for main. */
export interface AppDeps {
  storage: Storage;
  clock: Clock;
  logger: Logger;
  secretKey: Buffer;
  limiter: RateLimiter;
  catalog: Catalog;
  publicUrl: () => string;
}

export interface ApiApp {
  nest: NestFastifyApplication;
  /** Starts listening. @returns the address, with the port that was really taken */
  listen(): Promise<string>;
  close(): Promise<void>;
}

@Global()
@Module({})
class DepsModule {
  static with(env: Env, deps: AppDeps): DynamicModule {
    const metrics = createMetrics('api');
    const values: Array<[symbol, unknown]> = [
      [tokens.ENV, env],
      [tokens.STORAGE, deps.storage],
      [tokens.CLOCK, deps.clock],
      [tokens.LOGGER, deps.logger],
      [tokens.SECRET_KEY, deps.secretKey],
      [tokens.METRICS, metrics],
      [tokens.INGEST_METRICS, { outcomes: metrics.events }],
      [tokens.RATE_LIMITER, deps.limiter],
      [tokens.CATALOG, deps.catalog],
      [tokens.PUBLIC_URL, deps.publicUrl],
      [tokens.KEY_CACHE, createKeyCache(deps.storage, deps.clock, deps.logger)],
      [tokens.TOKEN_CACHE, createTokenCache(deps.storage, deps.clock, deps.logger)],
    ];
    const queues = BullModule.registerQueue({ name: 'ingest' }, { name: 'notify' });
    return {
      module: DepsModule,
      imports: [BullModule.forRoot(producerOptions(env)), queues],
      providers: values.map(([provide, useValue]) => ({ provide, useValue })),
      exports: [...values.map(([provide]) => provide), queues],
    };
  }
}

@Module({})
class AppModule {
  static with(env: Env, deps: AppDeps): DynamicModule {
    return {
      module: AppModule,
      imports: [
        DepsModule.with(env, deps),
        IngestModule,
        QueryModule,
        AdminModule,
        AlertsAdminModule,
        DocsModule,
      ],
      controllers: [HealthController],
      providers: [
        { provide: APP_GUARD, useClass: AuthGuard },
        { provide: APP_FILTER, useClass: HttpErrorsFilter },
      ],
    };
  }
}

const CATALOG_FILE = fileURLToPath(new URL('../../../catalogs/errata.yaml', import.meta.url));

/** Builds the API from its settings: connects, wires, but does not listen yet. */
export async function createApp(env: Env, secretKey: Buffer, clock: Clock = systemClock): Promise<ApiApp> {
  const logger = createLogger('api', env.LOG_LEVEL);
  const storage = await openStorage({
    databaseUrl: env.DATABASE_URL!,
    poolSize: env.DATABASE_POOL_SIZE,
    onError: (error) => logger.warn({ err: error }, 'postgres connection lost'),
  });
  let address = '';
  const limiter = createLimiter(env, clock, logger);
  const deps: AppDeps = {
    storage,
    clock,
    logger,
    secretKey,
    limiter,
    catalog: parseCatalog(await readFile(CATALOG_FILE, 'utf8')),
    publicUrl: () => (env.PUBLIC_URL ?? address).replace(/\/+$/, ''),
  };
  selectQueueBackend(env);
  const nest = await createNest(env, deps);
  return {
    nest,
    listen: async () => {
      await nest.listen(env.PORT, env.HOST);
      const bound = nest.getHttpServer().address() as { port: number };
      const host = env.HOST === '0.0.0.0' || env.HOST === '::' ? 'localhost' : env.HOST;
      address = `http://${host}:${bound.port}`;
      return address;
    },
    close: async () => {
      await nest.close();
      await limiter.close();
      await storage.close();
    },
  };
}

function createLimiter(env: Env, clock: Clock, logger: Logger): RateLimiter {
  const memory = createMemoryRateLimiter({ clock, maxKeys: 100_000 });
  if (env.REDIS_URL === undefined) return memory;
  const redis = new Redis(env.REDIS_URL, {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    commandTimeout: 500,
  });
  redis.on('error', (error) => logger.warn({ err: error }, 'rate limiter: redis'));
  return createRedisRateLimiter(redis, memory);
}

async function createNest(env: Env, deps: AppDeps): Promise<NestFastifyApplication> {
  const adapter = new FastifyAdapter({
    bodyLimit: env.MAX_BODY_BYTES,
    trustProxy: env.TRUST_PROXY.length > 0 ? env.TRUST_PROXY : false,
    connectionTimeout: 40_000,
    requestTimeout: 30_000,
    keepAliveTimeout: 72_000,
    genReqId: (request: IncomingMessage) => requestId(request.headers['x-request-id'], deps.clock),
    routerOptions: { maxParamLength: 300 },
  });
  const nest = await NestFactory.create<NestFastifyApplication>(AppModule.with(env, deps), adapter, {
    bodyParser: false,
    logger: new NestLogger(deps.logger),
    abortOnError: false,
  });
  const fastify = adapter.getInstance();
  registerBodyParser(fastify, env);
  fastify.addHook('onRequest', async (request, reply) => {
    void reply.headers({
      'x-request-id': request.id,
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cache-control': 'no-store',
    });
    if (isBrowserRoute(request.url)) return allowBrowsers(request.method, reply);
  });
  await nest.init();
  return nest;
}

const isBrowserRoute = (url: string) => url === '/v1/events' || url.startsWith('/v1/events?');

// Ingest keys are public and no cookie is ever read here, so any page may send events.
function allowBrowsers(method: string, reply: FastifyReply): FastifyReply | undefined {
  void reply.headers({
    'access-control-allow-origin': '*',
    'access-control-expose-headers': 'Retry-After, Date, X-Request-Id, RateLimit, RateLimit-Policy',
  });
  if (method !== 'OPTIONS') return undefined;
  return reply
    .headers({
      'access-control-allow-methods': 'POST',
      'access-control-allow-headers':
        'Authorization, Content-Type, Content-Encoding, X-Errata-Key, X-Request-Id',
      'access-control-max-age': '86400',
    })
    .status(204)
    .send();
}

// An id from outside is kept where it is short and harmless in a log line.
function requestId(given: string | string[] | undefined, clock: Clock): string {
  return typeof given === 'string' && /^[\w.:-]{1,128}$/.test(given) ? given : uuidV7(clock.now());
}
