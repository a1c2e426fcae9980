import 'reflect-metadata';
import { ConfigError, loadSecretKey, runProcess } from '@errata/platform';
import { createApp } from './app.js';

await runProcess('api', async (env) => {
  if (env.DATABASE_URL === undefined) {
    throw new ConfigError(
      'DATABASE_URL is not set. Use `npm start` for an embedded Postgres, or name a server.',
    );
  }
  const app = await createApp(env, await loadSecretKey(env));
  try {
    return { address: await app.listen(), close: () => app.close() };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    throw new ConfigError(
      `port ${env.PORT} on ${env.HOST} is in use. Stop the other program, or set PORT to another one (0 = any free).`,
    );
  }
});
