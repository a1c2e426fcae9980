import { Module } from '@nestjs/common';
import type { Storage } from '@errata/storage';
import { STORAGE } from '../tokens.js';
import { CountsController } from './counts.controller.js';
import { Documentation } from './documentation.js';
import { ListsController } from './lists.controller.js';

/** The read side of the API. */
@Module({
  controllers: [CountsController, ListsController],
  providers: [
    {
      provide: Documentation,
      useFactory: (storage: Storage) => new Documentation(storage),
      inject: [STORAGE],
    },
  ],
})
export class QueryModule {}
