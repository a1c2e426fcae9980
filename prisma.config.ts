import { defineConfig } from 'prisma/config';

// `prisma generate` needs no schema engine, but the command line insists on having one and would
// download it. Naming any existing file satisfies it, so that closed networks can build (ADR 0003).
process.env['PRISMA_SCHEMA_ENGINE_BINARY'] ??= process.execPath;

export default defineConfig({
  schema: 'prisma/schema.prisma',
  migrations: { path: 'prisma/migrations' },
  datasource: { url: process.env['DATABASE_URL'] ?? 'postgresql://localhost:5432/errata' },
});
