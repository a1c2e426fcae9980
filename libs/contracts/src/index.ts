export * from './alerts.js';
export * from './ingest.js';
export * from './jobs.js';
export * from './problem.js';
export * from './scopes.js';
export * from './webhook-payload.js';
export * from './catalog-schema.js';
export * from './catalog-loader.js';
