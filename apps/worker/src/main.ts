import 'reflect-metadata';
import { ConfigError, loadSecretKey, runProcess } from '@errata/platform';
import { createApp } from './app.js';

await runProcess('worker', async (env) => {
  if (env.DATABASE_URL === undefined) {
    throw new ConfigError(
      'DATABASE_URL is not set. Use `npm start` for an embedded Postgres, or name a server.',
    );
  }
  const app = await createApp(env, await loadSecretKey(env));
  return { address: app.address, close: () => app.close() };
});
