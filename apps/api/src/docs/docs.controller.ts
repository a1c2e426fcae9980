import { createRequire } from 'node:module';
import path from 'node:path';
import fastifyStatic from '@fastify/static';
import { Controller, Get, Header, Inject, Param, Res } from '@nestjs/common';
import type { OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { ApiError, buildOpenApi } from '@errata/contracts';
import type { Catalog } from '@errata/core';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { Policy } from '../auth/policy.js';
import { CATALOG, PUBLIC_URL } from '../tokens.js';
import { ERRORS_STYLE, INIT_SCRIPT, REFERENCE_PAGE, errorsPage } from './pages.js';

const fromHere = createRequire(import.meta.url);
const SWAGGER_UI = path.dirname(fromHere.resolve('swagger-ui-dist/package.json'));
const { version } = fromHere('../../../../package.json') as { version: string };

const ASSETS = new Set(['swagger-ui.css', 'swagger-ui-bundle.js', 'favicon-32x32.png']);

// Swagger UI sets styles on elements; it needs neither inline scripts nor anything from elsewhere.
const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
  "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HTML = 'text/html; charset=utf-8';

/** The API described for machines (`/openapi.json`) and for people (`/docs`). */
@Controller()
export class DocsController implements OnModuleInit {
  constructor(
    @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost,
    @Inject(CATALOG) private readonly catalog: Catalog,
    @Inject(PUBLIC_URL) private readonly publicUrl: () => string,
  ) {}

  // Only `reply.sendFile` is wanted: the routes stay here, each with its policy.
  async onModuleInit(): Promise<void> {
    const fastify = this.host.httpAdapter.getInstance<FastifyInstance>();
    await fastify.register(fastifyStatic, { root: SWAGGER_UI, serve: false });
  }

  @Get('openapi.json')
  @Policy('public')
  openApi() {
    return buildOpenApi({ version, serverUrl: this.publicUrl() || '/', errors: this.catalog });
  }

  /** Where the address that `npm start` prints leads in a browser. */
  @Get('/')
  @Policy('public')
  home(@Res() reply: FastifyReply): void {
    void reply.redirect('/docs', 302);
  }

  @Get('docs')
  @Policy('public')
  @Header('content-type', HTML)
  @Header('content-security-policy', CSP)
  reference(): string {
    return REFERENCE_PAGE;
  }

  @Get('docs/errors')
  @Policy('public')
  @Header('content-type', HTML)
  @Header('content-security-policy', CSP)
  errors(): string {
    return errorsPage(this.catalog);
  }

  @Get('docs/errors.css')
  @Policy('public')
  @Header('content-type', 'text/css; charset=utf-8')
  style(): string {
    return ERRORS_STYLE;
  }

  @Get('docs/init.js')
  @Policy('public')
  @Header('content-type', 'text/javascript; charset=utf-8')
  script(): string {
    return INIT_SCRIPT;
  }

  @Get('docs/:asset')
  @Policy('public')
  async asset(@Param('asset') asset: string, @Res() reply: FastifyReply): Promise<void> {
    if (!ASSETS.has(asset))
      throw new ApiError('ROUTE_NOT_FOUND', `There is nothing at /docs/${asset}. See /docs.`);
    await reply.sendFile(asset);
  }
}
