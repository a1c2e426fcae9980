import { compileCatalogs } from '@errata/core';
import type { CompiledCatalogs } from '@errata/core';
import type { Clock } from '@errata/platform';
import { loadProjectCatalogs, projectCatalogsVersion } from '@errata/storage';
import type { Storage } from '@errata/storage';

/** How long a change of a project's catalogs may take to reach this worker. */
const CHECK_EVERY_MS = 2_000;

/** Compiled catalogs by project, compiled again only when their version changed. */
export interface CatalogCache {
  get(projectId: number): Promise<CompiledCatalogs>;
}

interface Cached {
  version: string;
  checkedAt: number;
  compiled: CompiledCatalogs;
}

/** Makes the cache of one worker. */
export function createCatalogCache(storage: Storage, clock: Clock): CatalogCache {
  const cache = new Map<number, Cached>();
  return {
    get: async (projectId) => {
      const known = cache.get(projectId);
      const now = clock.now();
      if (known !== undefined && now - known.checkedAt < CHECK_EVERY_MS) return known.compiled;
      const version = await projectCatalogsVersion(storage.db, projectId);
      if (known !== undefined && known.version === version) {
        known.checkedAt = now;
        return known.compiled;
      }
      const compiled = compileCatalogs(await loadProjectCatalogs(storage.db, projectId));
      cache.set(projectId, { version, checkedAt: now, compiled });
      return compiled;
    },
  };
}
