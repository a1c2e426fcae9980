import { Module } from '@nestjs/common';
import { NotifyProcessor } from './notify.processor.js';

@Module({ providers: [NotifyProcessor] })
export class NotifyModule {}
