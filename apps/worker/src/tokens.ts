/** What the composition root provides; inject with `@Inject(TOKEN)`. */
export const STORAGE = Symbol('storage');
export const ENV = Symbol('env');
export const CLOCK = Symbol('clock');
export const LOGGER = Symbol('logger');
export const SECRET_KEY = Symbol('secret key');
export const METRICS = Symbol('metrics');
