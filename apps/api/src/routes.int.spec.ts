import 'reflect-metadata';
import { RequestMethod } from '@nestjs/common';
import { METHOD_METADATA, PATH_METADATA } from '@nestjs/common/constants.js';
import { ModulesContainer } from '@nestjs/core';
import { API_ROUTES } from '@errata/contracts';
import { parseEnv } from '@errata/platform';
import { createTestDatabase, queueBackends } from '@errata/testing';
import type { TestDatabase } from '@errata/testing';
import { createApp } from './app.js';
import type { ApiApp } from './app.js';
import { POLICY } from './auth/policy.js';

interface Route {
  name: string;
  policy: string | undefined;
}

/** Every route declares who may call it, and the OpenAPI document says the same about the same routes. */
describe('the routes of the API', () => {
  let database: TestDatabase;
  let app: ApiApp;
  let routes: Route[];
  beforeAll(async () => {
    database = await createTestDatabase();
    app = await createApp(
      parseEnv({ ...queueBackends()[0]!.env(database.url), LOG_LEVEL: 'silent' }),
      Buffer.alloc(32, 1),
    );
    routes = routesOf(app);
  });
  afterAll(async () => {
    await app.close();
    await database.drop();
  });

  it('all declare a policy', () => {
    expect(routes.length).toBeGreaterThan(30);
    expect(routes.filter((route) => route.policy === undefined)).toEqual([]);
  });

  it('are the routes of the OpenAPI document, with the same policy', () => {
    const documented = API_ROUTES.map(
      (route) => `${route.method.toUpperCase()} ${route.path.replace(/\{\w+\}/g, '{}')} ${route.policy}`,
    );
    const real = routes
      .map((route) => `${route.name} ${route.policy}`)
      // Pages for people are not operations of the API.
      .filter((text) => !/^GET \/(docs|openapi\.json|\s)/.test(text));
    expect(real.sort()).toEqual(
      documented.filter((text) => !/^GET \/(docs|openapi\.json|\s)/.test(text)).sort(),
    );
  });
});

function routesOf(app: ApiApp): Route[] {
  const routes: Route[] = [];
  for (const module of app.nest.get(ModulesContainer, { strict: false }).values()) {
    for (const { metatype } of module.controllers.values()) {
      const controller = metatype as unknown as { prototype: object };
      const prefixes = [Reflect.getMetadata(PATH_METADATA, controller) as string | string[]].flat();
      for (const key of Object.getOwnPropertyNames(controller.prototype)) {
        const handler = (controller.prototype as Record<string, unknown>)[key];
        if (typeof handler !== 'function') continue;
        const method = Reflect.getMetadata(METHOD_METADATA, handler) as RequestMethod | undefined;
        if (method === undefined) continue;
        const paths = [Reflect.getMetadata(PATH_METADATA, handler) as string | string[]].flat();
        const policy = (Reflect.getMetadata(POLICY, handler) ?? Reflect.getMetadata(POLICY, controller)) as
          string | undefined;
        for (const prefix of prefixes)
          for (const path of paths)
            routes.push({ name: `${RequestMethod[method]} ${join(prefix, path)}`, policy });
      }
    }
  }
  return routes;
}

function join(prefix: string, path: string): string {
  const parts = `${prefix}/${path}`.split('/').filter(Boolean);
  return `/${parts.map((part) => (part.startsWith(':') ? '{}' : part)).join('/')}`;
}
