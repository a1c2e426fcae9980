import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parseCatalog } from './catalog-loader.js';
import { API_ROUTES, buildOpenApi, errorCodesOf } from './openapi.js';

const file = path.resolve(__dirname, '../../../catalogs/errata.yaml');
const errors = parseCatalog(readFileSync(file, 'utf8'));
const document = buildOpenApi({ version: '1.2.3', serverUrl: 'https://errata.example.com', errors });
const paths = document['paths'] as Record<string, Record<string, Operation>>;
const components = document['components'] as {
  schemas: Record<string, Schema>;
  securitySchemes: object;
  headers: object;
};

interface Schema {
  required?: string[];
  properties?: Record<string, unknown>;
  additionalProperties?: unknown;
}
interface Operation {
  operationId: string;
  security: object[];
  parameters: Array<{ name: string; in: string; required: boolean; schema: Record<string, unknown> }>;
  requestBody?: { required: boolean; content: Record<string, unknown> };
  responses: Record<
    string,
    { description: string; headers?: object; content?: Record<string, { schema: unknown }> }
  >;
}

const operations = Object.values(paths).flatMap((byMethod) => Object.values(byMethod));

// Every `$ref` in the document, wherever it is.
function refsIn(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    key === '$ref' && typeof inner === 'string' ? [inner] : refsIn(inner),
  );
}

describe('buildOpenApi', () => {
  it('has every route once, under an operation id of its own', () => {
    expect(operations).toHaveLength(API_ROUTES.length);
    expect(new Set(operations.map((operation) => operation.operationId)).size).toBe(API_ROUTES.length);
    expect(document).toMatchObject({ openapi: '3.1.0', info: { version: '1.2.3' } });
  });

  it('refers only to what it defines', () => {
    const refs = new Set(refsIn(document));
    expect(refs.size).toBeGreaterThan(20);
    for (const ref of refs) {
      const [, section, kind, name] = ref.split('/');
      const found = (document[section!] as Record<string, Record<string, unknown>>)[kind!]?.[name!];
      expect([ref, typeof found]).toEqual([ref, 'object']);
    }
  });

  it('declares every parameter of a path, and none twice', () => {
    for (const [route, byMethod] of Object.entries(paths)) {
      for (const operation of Object.values(byMethod)) {
        const inPath = operation.parameters.filter((parameter) => parameter.in === 'path');
        expect(inPath.map(({ name }) => `{${name}}`)).toEqual(route.match(/\{\w+\}/g) ?? []);
        const names = operation.parameters.map(({ name }) => name);
        expect(new Set(names).size).toBe(names.length);
      }
    }
  });

  it('answers failures as problem+json with the documented codes of their status', () => {
    const query = paths['/api/v1/projects/{projectId}/events']!['get']!;
    expect(Object.keys(query.responses)).toEqual(
      expect.arrayContaining(['200', '400', '401', '403', '404', '429', '500']),
    );
    expect(query.responses['400']!.description).toBe(
      '`UNKNOWN_FILTER`, `INVALID_PARAMETER`, `INVALID_RANGE`, `INVALID_CURSOR`',
    );
    expect(query.responses['429']!.headers).toHaveProperty('Retry-After');
    for (const operation of operations) {
      for (const [status, response] of Object.entries(operation.responses)) {
        if (Number(status) >= 400)
          expect(Object.keys(response.content!)).toEqual(['application/problem+json']);
      }
    }
    for (const route of API_ROUTES) {
      const documented = new Set(errors.entries.map((entry) => entry.code));
      expect(errorCodesOf(route).filter((code) => !documented.has(code))).toEqual([]);
    }
  });

  it('fails where a route answers with an undocumented code', () => {
    const less = { ...errors, entries: errors.entries.filter((entry) => entry.code !== 'EVENT_NOT_FOUND') };
    expect(() => buildOpenApi({ version: '1', serverUrl: '/', errors: less })).toThrow(
      'getEvent answers with EVENT_NOT_FOUND',
    );
  });

  it('says how to authenticate: an ingest key to write, a token to read, nothing for health', () => {
    expect(paths['/v1/events']!['post']!.security).toEqual([{ ingestKey: [] }, { ingestKeyHeader: [] }]);
    expect(paths['/api/v1/projects']!['get']!.security).toEqual([{ apiToken: [] }]);
    expect(paths['/healthz']!['get']!.security).toEqual([]);
    expect(Object.keys(components.securitySchemes)).toEqual(['apiToken', 'ingestKey', 'ingestKeyHeader']);
  });

  it('describes the parameters of a query, with what is required and allowed', () => {
    const { parameters } = paths['/api/v1/projects/{projectId}/top']!['get']!;
    const by = parameters.find(({ name }) => name === 'by')!;
    expect(by).toMatchObject({ in: 'query', required: true, schema: { type: 'string' } });
    expect(by.schema['enum']).toContain('retryability');
    expect(parameters.find(({ name }) => name === 'from')).toMatchObject({
      required: false,
      schema: { default: '-24h' },
    });
    expect(parameters.find(({ name }) => name === 'status')!.schema).toMatchObject({ type: 'array' });
  });

  it('describes an event without demanding anything of it', () => {
    expect(components.schemas['Event']!.required).toBeUndefined();
    expect(Object.keys(components.schemas['Event']!.properties!)).toEqual(
      expect.arrayContaining(['event_id', 'timestamp', 'tenant', 'error', 'response']),
    );
    expect(components.schemas['EventBatch']!.required).toEqual(['events']);
    const body = paths['/v1/events']!['post']!.requestBody!;
    expect(Object.keys(body.content)).toEqual(['application/json', 'application/x-ndjson']);
  });

  it('lets answers grow, and refuses unknown fields in what is sent', () => {
    expect(components.schemas['Summary']!.additionalProperties).toBeUndefined();
    expect(components.schemas['CreateKey']!.additionalProperties).toBe(false);
  });
});
