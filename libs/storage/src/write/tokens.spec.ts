import { dsnOf } from './ingest-keys.js';
import { slugOf } from './projects.js';
import { catalogChecksum } from './seed-catalogs.js';
import { isTokenText, newTokenText } from './tokens.js';

describe('token text', () => {
  it('has the documented format and passes its own check, every time', () => {
    const tokens = Array.from({ length: 500 }, newTokenText);
    for (const token of tokens) {
      expect(token).toMatch(/^errata_[0-9A-Za-z]{30}_[0-9A-Za-z]{6}$/);
      expect(isTokenText(token)).toBe(true);
    }
    expect(new Set(tokens).size).toBe(tokens.length);
  });

  it('does not survive a typo, wherever it is', () => {
    const token = newTokenText();
    for (let i = 0; i < token.length; i++) {
      const typo = token.slice(0, i) + (token[i] === 'x' ? 'y' : 'x') + token.slice(i + 1);
      expect([i, isTokenText(typo)]).toEqual([i, false]);
    }
    for (const text of ['', 'errata_', token.slice(1), `${token}0`, ` ${token}`])
      expect(isTokenText(text)).toBe(false);
  });
});

describe('dsnOf', () => {
  it.each([
    ['http://127.0.0.1:3400', 'http://k@127.0.0.1:3400/7'],
    ['https://errata.example.com/', 'https://k@errata.example.com/7'],
    ['https://example.com/errata/', 'https://k@example.com/errata/7'],
    ['http://[::1]:3400', 'http://k@[::1]:3400/7'],
  ])('puts key and project into %s', (url, dsn) => {
    expect(dsnOf(url, 'k', 7)).toBe(dsn);
  });
});

describe('slugOf', () => {
  it.each([
    ['My API', 'my-api'],
    ['  Ünïcode -- & more!  ', 'unicode-more'],
    ['日本', 'project'],
    ['a'.repeat(80), 'a'.repeat(60)],
  ])('makes %j %j', (name, slug) => {
    expect(slugOf(name)).toBe(slug);
  });
});

describe('catalogChecksum', () => {
  it('looks at content, not at version or order of keys', () => {
    const base = { slug: 'a', title: 'A', version: 1, entries: [] };
    expect(catalogChecksum({ entries: [], version: 2, title: 'A', slug: 'a' })).toBe(catalogChecksum(base));
    expect(catalogChecksum({ ...base, title: 'B' })).not.toBe(catalogChecksum(base));
  });
});
