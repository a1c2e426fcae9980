import { Module } from '@nestjs/common';
import { EvaluateProcessor } from './evaluate.processor.js';

@Module({ providers: [EvaluateProcessor] })
export class EvaluateModule {}
