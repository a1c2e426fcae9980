import { Module } from '@nestjs/common';
import { DeadLettersController } from './dead-letters.controller.js';
import { KeysController } from './keys.controller.js';
import { ProjectsController } from './projects.controller.js';
import { TokensController } from './tokens.controller.js';

/** Projects, their keys and catalogs, API tokens, and events that failed. */
@Module({ controllers: [ProjectsController, KeysController, TokensController, DeadLettersController] })
export class AdminModule {}
