import { Module } from '@nestjs/common';
import { DigestProcessor } from './digest.processor.js';
import { DigestService } from './digest.service.js';

@Module({ providers: [DigestService, DigestProcessor] })
export class DigestModule {}
