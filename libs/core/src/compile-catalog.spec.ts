import type { Catalog, CatalogEntry } from './catalog.js';
import { codeKeys, compileCatalogs } from './compile-catalog.js';

function entry(code: string, statuses: string[], over: Partial<CatalogEntry> = {}): CatalogEntry {
  return {
    code,
    aliases: [],
    statuses,
    section: '',
    title: code,
    meaning: 'm',
    causes: [],
    resolution: '',
    retry: { retryability: 'permanent' },
    category: 'other',
    severity: 'low',
    expectation: 'normal',
    ...over,
  };
}

function catalog(slug: string, entries: CatalogEntry[]): Catalog {
  return { slug, title: slug, version: 3, entries };
}

const attach = (...catalogs: Catalog[]) =>
  compileCatalogs(catalogs.map((each) => ({ catalog: each, codesOnly: false })));

describe('codeKeys', () => {
  it.each([
    ['TENANT_ACCESS_DENIED', ['tenant_access_denied']],
    ['Tenant-Access.Denied', ['tenant_access_denied']],
    ['tenantAccessDenied', ['tenantaccessdenied', 'tenant_access_denied']],
    ['__a__', ['a']],
    ['?!', []],
  ])('%s is looked up as %j', (code, keys) => {
    expect(codeKeys(code)).toEqual(keys);
  });

  it('keeps numbers with different separators apart', () => {
    expect(codeKeys('1.01')).not.toEqual(codeKeys('10.1'));
  });
});

describe('compileCatalogs', () => {
  it('keeps all entries of a code in order of attachment', () => {
    const compiled = attach(
      catalog('b', [entry('X', ['400'], { section: '1' }), entry('X', ['400'], { section: '2' })]),
      catalog('a', [entry('X', ['500'])]),
    );
    expect(
      compiled.codes.get('X')?.map((match) => [match.catalog, match.version, match.entry.section]),
    ).toEqual([
      ['b', 3, '1'],
      ['b', 3, '2'],
      ['a', 3, ''],
    ]);
  });

  it('resolves a status to the entry that documents it, before a code that merely uses it', () => {
    const compiled = attach(catalog('a', [entry('gone', ['404']), entry('404', [])]));
    expect(compiled.statuses.get(404)).toMatchObject({ by: 'status', entry: { code: '404' } });
  });

  it('resolves a status to the only code that uses it', () => {
    expect(attach(catalog('a', [entry('DOWN', ['503'])])).statuses.get(503)?.entry.code).toBe('DOWN');
  });

  it('resolves a status to no code where several use it', () => {
    expect(
      attach(catalog('a', [entry('X', ['403']), entry('Y', ['403'])])).statuses.get(403),
    ).toBeUndefined();
  });

  it('resolves no status to a code that must never occur', () => {
    const never = entry('LEAK', ['403'], { expectation: 'never' });
    expect(attach(catalog('a', [never])).statuses.get(403)).toBeUndefined();
  });

  it('prefers the class of an earlier catalog to the status of a later one', () => {
    const compiled = attach(
      catalog('api', [entry('5XX', ['5XX'])]),
      catalog('http', [entry('502', ['502'])]),
    );
    expect(compiled.statuses.get(502)).toMatchObject({ catalog: 'api', by: 'status_class' });
  });

  it('prefers a status to its class within one catalog', () => {
    const compiled = attach(catalog('a', [entry('5XX', ['5XX']), entry('502', ['502'])]));
    expect(compiled.statuses.get(502)).toMatchObject({ by: 'status', entry: { code: '502' } });
    expect(compiled.statuses.get(599)).toMatchObject({ by: 'status_class', entry: { code: '5XX' } });
  });

  it('takes only the codes of a catalog attached for its codes', () => {
    const codes = catalog('a', [entry('DOWN', ['503']), entry('404', ['404'])]);
    const compiled = compileCatalogs([{ catalog: codes, codesOnly: true }]);
    expect([...compiled.codes.keys()]).toEqual(['DOWN']);
    expect(compiled.statuses.size).toBe(0);
  });
});
