export * from './database.js';
export * from './eventually.js';
export * from './queue-backends.js';
export * from './builders.js';
export * from './processes.js';
export * from './project.js';
export * from './fault-proxy.js';
