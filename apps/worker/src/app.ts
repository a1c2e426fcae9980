import { BullModule } from '@nestjs/bullmq';
import { NestFactory } from '@nestjs/core';
import { Global, Module } from '@nestjs/common';
import type { DynamicModule, INestApplicationContext } from '@nestjs/common';
import { QUEUES } from '@errata/contracts';
import {
  NestLogger,
  consumerOptions,
  createLogger,
  createMetrics,
  selectQueueBackend,
  systemClock,
} from '@errata/platform';
import type { Clock, Env, Logger } from '@errata/platform';
import { openStorage } from '@errata/storage';
import type { Storage } from '@errata/storage';
import { DigestModule } from './digest/digest.module.js';
import { EvaluateModule } from './evaluate/evaluate.module.js';
import { HealthServer } from './health-server.js';
import { MaintainModule } from './maintain/maintain.module.js';
import { NotifyModule } from './notify/notify.module.js';
import * as tokens from './tokens.js';

export interface WorkerApp {
  nest: INestApplicationContext;
  /** Where health and metrics are served. */
  address: string;
  close(): Promise<void>;
}

interface Deps {
  storage: Storage;
  clock: Clock;
  logger: Logger;
  secretKey: Buffer;
}

@Global()
@Module({})
class DepsModule {
  static with(env: Env, deps: Deps): DynamicModule {
    const values: Array<[symbol, unknown]> = [
      [tokens.ENV, env],
      [tokens.STORAGE, deps.storage],
      [tokens.CLOCK, deps.clock],
      [tokens.LOGGER, deps.logger],
      [tokens.SECRET_KEY, deps.secretKey],
      [tokens.METRICS, createMetrics('worker')],
    ];
    const queues = BullModule.registerQueue(...QUEUES.map((name) => ({ name })));
    return {
      module: DepsModule,
      imports: [BullModule.forRoot(consumerOptions(env)), queues],
      providers: values.map(([provide, useValue]) => ({ provide, useValue })),
      exports: [...values.map(([provide]) => provide), queues],
    };
  }
}

@Module({})
class AppModule {
  static with(env: Env, deps: Deps): DynamicModule {
    return {
      module: AppModule,
      imports: [DepsModule.with(env, deps), DigestModule, EvaluateModule, NotifyModule, MaintainModule],
      providers: [HealthServer],
    };
  }
}

/** Builds and starts the worker: it consumes from the moment this returns. */
export async function createApp(env: Env, secretKey: Buffer, clock: Clock = systemClock): Promise<WorkerApp> {
  const logger = createLogger('worker', env.LOG_LEVEL);
  const storage = await openStorage({
    databaseUrl: env.DATABASE_URL!,
    poolSize: env.DATABASE_POOL_SIZE,
    onError: (error) => logger.warn({ err: error }, 'postgres connection lost'),
  });
  selectQueueBackend(env);
  const nest = await NestFactory.createApplicationContext(
    AppModule.with(env, { storage, clock, logger, secretKey }),
    {
      logger: new NestLogger(logger),
      abortOnError: false,
    },
  );
  return {
    nest,
    address: nest.get(HealthServer).address,
    close: async () => {
      await nest.close();
      await storage.close();
    },
  };
}
