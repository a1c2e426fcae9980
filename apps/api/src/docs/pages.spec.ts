import type { Catalog } from '@errata/core';
import { ERRORS_STYLE, INIT_SCRIPT, REFERENCE_PAGE, errorsPage } from './pages.js';

const catalog: Catalog = {
  slug: 'errata',
  title: 'Errata',
  version: 1,
  entries: [
    {
      code: 'INVALID_FIELD',
      aliases: [],
      statuses: ['400'],
      section: 'Events & more',
      title: 'A <b>field</b>',
      meaning: 'It is "wrong" & so on.',
      causes: ['<script>alert(1)</script>'],
      resolution: "Don't.",
      retry: { retryability: 'permanent' },
      category: 'validation',
      severity: 'low',
      expectation: 'normal',
    },
  ],
};

describe('pages', () => {
  it.each([
    ['reference', REFERENCE_PAGE],
    ['errors', errorsPage(catalog)],
  ])('hold neither inline scripts nor handlers nor foreign addresses: %s', (_, html) => {
    expect(html).not.toMatch(/<script(?![^>]*\ssrc=)/);
    expect(html).not.toMatch(/\son\w+=/);
    expect(html).not.toMatch(/(?:src|href)="(?:https?:)?\/\//);
    expect(html).not.toMatch(/\sstyle=|<style/);
  });

  it('give every code an anchor and escape what the catalog says', () => {
    const html = errorsPage(catalog);
    expect(html).toContain('<section id="INVALID_FIELD">');
    expect(html).toContain('A &lt;b&gt;field&lt;/b&gt;');
    expect(html).toContain('It is &quot;wrong&quot; &amp; so on.');
    expect(html).toContain('<h2>Events &amp; more</h2>');
    expect(html).toContain('Don&#39;t.');
    expect(html).not.toContain('alert(1)</script>');
  });

  it('start the reference with our document only', () => {
    expect(INIT_SCRIPT).toContain("url: 'openapi.json'");
    expect(INIT_SCRIPT).toContain('validatorUrl: null');
    expect(ERRORS_STYLE).not.toContain('url(');
  });
});
