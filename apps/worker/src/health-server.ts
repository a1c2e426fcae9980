import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Inject, Injectable } from '@nestjs/common';
import type { OnApplicationBootstrap, OnApplicationShutdown } from '@nestjs/common';
import { METRICS_CONTENT_TYPE } from '@errata/platform';
import type { Env, Metrics } from '@errata/platform';
import { ENV, METRICS } from './tokens.js';

/** The worker's only door: `/healthz`, `/metrics` and `/metrics.json`. */
@Injectable()
export class HealthServer implements OnApplicationBootstrap, OnApplicationShutdown {
  address = '';
  private server: Server | undefined;

  constructor(
    @Inject(ENV) private readonly env: Env,
    @Inject(METRICS) private readonly metrics: Metrics,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    const server = createServer((request, response) => void this.answer(request, response));
    this.server = server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.env.WORKER_PORT, this.env.HOST, resolve);
    });
    const host = this.env.HOST === '0.0.0.0' || this.env.HOST === '::' ? 'localhost' : this.env.HOST;
    this.address = `http://${host}:${(server.address() as AddressInfo).port}`;
  }

  async onApplicationShutdown(): Promise<void> {
    this.server?.closeAllConnections();
    await new Promise((resolve) =>
      this.server === undefined ? resolve(undefined) : this.server.close(resolve),
    );
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { registry } = this.metrics;
    if (request.url === '/healthz') return send(response, 200, 'application/json', '{"status":"ok"}');
    if (request.url === '/metrics')
      return send(response, 200, METRICS_CONTENT_TYPE, await registry.metrics());
    if (request.url === '/metrics.json') {
      return send(response, 200, 'application/json', JSON.stringify(await registry.getMetricsAsJSON()));
    }
    return send(response, 404, 'application/json', '{"status":"not found"}');
  }
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'content-type': type }).end(body);
}
