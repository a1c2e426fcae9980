import { Catch, HttpException, Inject, Injectable } from '@nestjs/common';
import type { ArgumentsHost, ExceptionFilter } from '@nestjs/common';
import { API_ROUTES, ApiError } from '@errata/contracts';
import type { Problem } from '@errata/contracts';
import type { Catalog, CatalogEntry } from '@errata/core';
import type { Logger } from '@errata/platform';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { CATALOG, LOGGER, PUBLIC_URL } from './tokens.js';

/** Turns whatever was thrown into problem+json with a documented code; the one place that does. */
@Catch()
@Injectable()
export class HttpErrorsFilter implements ExceptionFilter {
  private readonly entries: Map<string, CatalogEntry>;

  constructor(
    @Inject(CATALOG) catalog: Catalog,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(PUBLIC_URL) private readonly publicUrl: () => string,
  ) {
    this.entries = new Map(catalog.entries.map((entry) => [entry.code, entry]));
  }

  catch(thrown: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    this.answer(thrown, http.getRequest<FastifyRequest>(), http.getResponse<FastifyReply>());
  }

  /** Also for what fails before Nest sees the request: a body that cannot be read, a URL that is none. */
  answer(thrown: unknown, request: FastifyRequest, reply: FastifyReply): void {
    const error = this.asApiError(thrown, request);
    const problem = this.problemOf(error, request.id);
    if (reply.sent) return;
    const { retryAfter, headers } = error.options;
    if (retryAfter !== undefined)
      void reply.header('retry-after', String(Math.max(1, Math.ceil(retryAfter))));
    void reply
      .headers(headers ?? {})
      .status(problem.status)
      .header('content-type', 'application/problem+json; charset=utf-8')
      .send(JSON.stringify(problem));
  }

  private asApiError(thrown: unknown, request: FastifyRequest): ApiError {
    if (thrown instanceof ApiError && this.entries.has(thrown.code)) return thrown;
    const status = statusOf(thrown);
    const path = request.url.split('?')[0]!;
    if (status === 404) return nothingThere(request.method, path);
    if (status === 413) return new ApiError('BODY_TOO_LARGE', 'The request body is too large.');
    if (status === 415)
      return new ApiError('UNSUPPORTED_ENCODING', 'The body is in a format that this route does not read.');
    if (status !== undefined && status < 500) {
      return new ApiError(
        'INVALID_PARAMETER',
        thrown instanceof Error ? thrown.message : 'The request is not valid.',
      );
    }
    this.logger.error({ err: thrown, requestId: request.id, route: path }, 'request failed');
    return new ApiError('INTERNAL_ERROR', 'Something went wrong on our side. Report it with the request id.');
  }

  private problemOf(error: ApiError, requestId: string): Problem {
    const entry = this.entries.get(error.code)!;
    return {
      type: `${this.publicUrl()}/docs/errors#${error.code}`,
      title: entry.title,
      status: Number(entry.statuses[0]),
      detail: error.message,
      code: error.code,
      request_id: requestId,
      retryable: entry.retry.retryability === 'retryable',
      ...(error.options.errors === undefined ? {} : { errors: error.options.errors }),
    };
  }
}

// The path may be right and only the method wrong, which is worth knowing.
function nothingThere(method: string, path: string): ApiError {
  const allowed = API_ROUTES.filter((route) => patternOf(route.path).test(path)).map((route) =>
    route.method.toUpperCase(),
  );
  if (allowed.length === 0)
    return new ApiError('ROUTE_NOT_FOUND', `There is nothing at ${method} ${path}. See /docs.`);
  const allow = [...new Set(allowed)].join(', ');
  return new ApiError('METHOD_NOT_ALLOWED', `${path} takes ${allow}, not ${method}.`, { headers: { allow } });
}

const patternOf = (path: string) => new RegExp(`^${path.replace(/\{\w+\}/g, '[^/]+')}/?$`);

function statusOf(thrown: unknown): number | undefined {
  if (thrown instanceof HttpException) return thrown.getStatus();
  const status = (thrown as { statusCode?: unknown } | undefined)?.statusCode;
  return typeof status === 'number' ? status : undefined;
}
