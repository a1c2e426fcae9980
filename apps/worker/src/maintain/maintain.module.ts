import { Module } from '@nestjs/common';
import { MaintainProcessor } from './maintain.processor.js';

@Module({ providers: [MaintainProcessor] })
export class MaintainModule {}
