import { Body, Controller, HttpCode, Inject, Post, Req } from '@nestjs/common';
import { ApiError } from '@errata/contracts';
import type { IngestAnswer } from '@errata/contracts';
import { DecodeError, decodeBody } from '@errata/platform';
import type { Env } from '@errata/platform';
import type { Readable } from 'node:stream';
import type { AuthorizedRequest } from '../auth/policy.js';
import { Policy } from '../auth/policy.js';
import { ENV } from '../tokens.js';
import { IngestService } from './ingest.service.js';

/** `POST /v1/events`: the write side, for ingest keys only. */
@Controller('v1')
export class IngestController {
  constructor(
    @Inject(IngestService) private readonly ingest: IngestService,
    @Inject(ENV) private readonly env: Env,
  ) {}

  @Post('events')
  @Policy('ingest')
  @HttpCode(202)
  async events(
    @Req() request: AuthorizedRequest,
    @Body() stream: Readable | undefined,
  ): Promise<IngestAnswer> {
    const key = request.ingestKey!;
    const body = stream === undefined ? Buffer.alloc(0) : await this.read(stream, request);
    return this.ingest.take(key, body, request.headers['content-type'], request.id);
  }

  private async read(stream: Readable, request: AuthorizedRequest): Promise<Buffer> {
    try {
      return await readBody(stream, request, this.env.MAX_BODY_BYTES);
    } catch (error) {
      if (error instanceof ApiError) this.ingest.countRefused(request.ingestKey!, error.code);
      throw error;
    }
  }
}

/** Highest ratio of decompressed to compressed bytes; honest JSON stays under 50. */
const MAX_RATIO = 200;

/** Reads and decompresses a body with its caps. @throws ApiError */
export async function readBody(
  stream: Readable,
  request: AuthorizedRequest,
  maxBytes: number,
): Promise<Buffer> {
  try {
    return await decodeBody(stream, request.headers['content-encoding'], {
      maxCompressed: maxBytes,
      maxDecompressed: maxBytes,
      maxRatio: MAX_RATIO,
      // The client still gets to read why; the connection is closed after the answer.
      onRefusal: 'pause',
    });
  } catch (error) {
    if (error instanceof DecodeError)
      throw new ApiError(error.code, error.message, { headers: { connection: 'close' } });
    throw error;
  }
}
