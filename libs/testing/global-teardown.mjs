import { rm } from 'node:fs/promises';

export default async function teardown() {
  const { postgres, redis, home } = globalThis.__ERRATA_TEST__;
  redis?.kill('SIGKILL');
  await postgres.stop();
  if (!process.env.ERRATA_KEEP_TEST_HOME) await rm(home, { recursive: true, force: true });
}
