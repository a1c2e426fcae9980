export * from './database.js';
export * from './eventually.js';
export * from './queue-backends.js';
