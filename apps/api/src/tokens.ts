/** What the composition root provides; inject with `@Inject(TOKEN)`. */
export const STORAGE = Symbol('storage');
export const ENV = Symbol('env');
export const CLOCK = Symbol('clock');
export const LOGGER = Symbol('logger');
export const SECRET_KEY = Symbol('secret key');
export const METRICS = Symbol('metrics');
export const RATE_LIMITER = Symbol('rate limiter');
export const CATALOG = Symbol('own error catalog');
export const COALESCER = Symbol('coalescer');
export const INGEST_METRICS = Symbol('ingest metrics');
export const KEY_CACHE = Symbol('key cache');
export const TOKEN_CACHE = Symbol('token cache');
export const PUBLIC_URL = Symbol('public url');
