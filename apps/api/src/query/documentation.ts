import { codeKeys, compileCatalogs } from '@errata/core';
import type { CatalogMatch, CompiledCatalogs } from '@errata/core';
import { loadProjectCatalogs, projectCatalogsVersion } from '@errata/storage';
import type { Storage } from '@errata/storage';

const MAX_PROJECTS = 100;

/** What the catalogs of a project say about codes, compiled once per version. */
export class Documentation {
  private readonly cache = new Map<number, { version: string; catalogs: CompiledCatalogs }>();

  constructor(private readonly storage: Pick<Storage, 'db'>) {}

  /** The attached catalogs of a project as they are now. */
  async of(projectId: number): Promise<CompiledCatalogs> {
    const version = await projectCatalogsVersion(this.storage.db, projectId);
    const cached = this.cache.get(projectId);
    if (cached?.version === version) return cached.catalogs;
    const catalogs = compileCatalogs(await loadProjectCatalogs(this.storage.db, projectId));
    if (this.cache.size >= MAX_PROJECTS) this.cache.delete(this.cache.keys().next().value as number);
    this.cache.set(projectId, { version, catalogs });
    return catalogs;
  }
}

/** Every documented entry of a code: by its exact spelling, else by an alias. */
export function entriesOf(catalogs: CompiledCatalogs, code: string): readonly CatalogMatch[] {
  const exact = catalogs.codes.get(code);
  if (exact !== undefined) return exact;
  const found = codeKeys(code).map((key) => catalogs.aliases.get(key));
  return found.find((matches) => matches !== undefined) ?? [];
}
