import { ApiError } from '@errata/contracts';
import { parseJson, scanJson } from '@errata/core';
import type { Env } from '@errata/platform';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Readable } from 'node:stream';
import { readBody } from './ingest/ingest.controller.js';

/** Largest body of anything but ingest. */
const MAX_ADMIN_BYTES = 1024 * 1024;
const MAX_ADMIN_DEPTH = 32;

/** Paths whose handlers read the body themselves, after the key is known to be good. */
const STREAMED = new Set(['/v1/events']);

/**
 * A body that could not be read. It travels as the body and is thrown by the guard, once the caller is
 * known: what a parser throws would be answered by Fastify, before any filter of ours sees it.
 */
export class UnreadableBody {
  constructor(readonly error: unknown) {}
}

/**
 * Replaces Fastify's parsers: content types are not trusted, bodies are decompressed under a cap
 * while they stream, and ingest bodies are not read at all before the key was checked.
 */
export function registerBodyParser(fastify: FastifyInstance, env: Env): void {
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('*', async (request: FastifyRequest, payload: Readable) => {
    if (STREAMED.has(request.routeOptions.url ?? '')) return payload;
    try {
      const limit = Math.min(MAX_ADMIN_BYTES, env.MAX_BODY_BYTES);
      const body = await readBody(payload, request, limit);
      return body.length === 0 ? undefined : parseBody(body);
    } catch (error) {
      return new UnreadableBody(error);
    }
  });
}

function parseBody(body: Buffer): unknown {
  if (!scanJson(body, { maxDepth: MAX_ADMIN_DEPTH }).ok) {
    throw new ApiError('TOO_DEEP', `The body is nested more than ${MAX_ADMIN_DEPTH} levels deep.`);
  }
  const parsed = parseJson(body.toString('utf8'));
  if (!parsed.ok) throw new ApiError('MALFORMED_JSON', `The body is not JSON: ${parsed.message}`);
  return parsed.value;
}
