import { Module } from '@nestjs/common';
import { DocsController } from './docs.controller.js';

/** `/openapi.json` and `/docs`. */
@Module({ controllers: [DocsController] })
export class DocsModule {}
