import type { Catalog, CatalogEntry } from '@errata/core';

/** The human pages. Scripts and styles are files of their own, so that a strict CSP holds. */

const page = (title: string, head: string, body: string) => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
${head}
</head>
<body>
${body}
</body>
</html>
`;

/** The API reference. Addresses are relative, so that it also works under a path of a proxy. */
export const REFERENCE_PAGE = page(
  'Errata API',
  `<link rel="icon" type="image/png" href="docs/favicon-32x32.png">
<link rel="stylesheet" href="docs/swagger-ui.css">
<script src="docs/swagger-ui-bundle.js" defer></script>
<script src="docs/init.js" defer></script>`,
  `<div id="swagger-ui"></div>
<noscript><p>This page needs JavaScript. The same document is at <a href="openapi.json">openapi.json</a>, and the
error codes are at <a href="docs/errors">docs/errors</a>.</p></noscript>`,
);

/** Starts the API reference. */
export const INIT_SCRIPT = `window.addEventListener('load', () => {
  window.SwaggerUIBundle({
    url: 'openapi.json',
    dom_id: '#swagger-ui',
    deepLinking: true,
    validatorUrl: null,
    presets: [window.SwaggerUIBundle.presets.apis],
    layout: 'BaseLayout',
  });
});
`;

/** Looks of the page of error codes. */
export const ERRORS_STYLE = `body { font: 16px/1.5 system-ui, sans-serif; max-width: 48rem; margin: 2rem auto; padding: 0 1rem; }
h2 { margin-top: 2.5rem; border-bottom: 1px solid #8884; }
section { padding: 0.25rem 0; }
section:target { outline: 2px solid #c60; outline-offset: 0.5rem; }
code { font-size: 0.95em; }
dt { font-weight: 600; }
dd { margin: 0 0 0.5rem 1rem; }
@media (prefers-color-scheme: dark) { body { background: #161616; color: #ddd; } a { color: #8bf; } }
`;

const RETRY: Readonly<Record<CatalogEntry['retry']['retryability'], string>> = {
  retryable: 'Yes: the same request may succeed later.',
  conditional: 'Only after something changes.',
  permanent: 'No: change the request first.',
  unknown: 'Not known.',
};

/** The page that the `type` of every problem links to: each code under an anchor of its own name. */
export function errorsPage(catalog: Catalog): string {
  const sections = [...new Set(catalog.entries.map((entry) => entry.section))];
  const parts = sections.map((section) => {
    const entries = catalog.entries.filter((entry) => entry.section === section);
    return `<h2>${escapeHtml(section)}</h2>\n${entries.map(entryHtml).join('\n')}`;
  });
  const head = '<link rel="stylesheet" href="errors.css">';
  return page(
    'Errata: error codes',
    head,
    `<h1>Error codes</h1>\n<p><a href="../docs">API reference</a></p>\n${parts.join('\n')}`,
  );
}

function entryHtml(entry: CatalogEntry): string {
  const causes = entry.causes.map((cause) => `<li>${escapeHtml(cause)}</li>`).join('');
  const condition = entry.retry.condition === undefined ? '' : ` ${escapeHtml(entry.retry.condition)}`;
  return `<section id="${escapeHtml(entry.code)}">
<h3><code>${escapeHtml(entry.code)}</code> ${escapeHtml(entry.statuses.join(', '))} ${escapeHtml(entry.title)}</h3>
<p>${escapeHtml(entry.meaning)}</p>
<dl>${causes === '' ? '' : `<dt>Causes</dt><dd><ul>${causes}</ul></dd>`}
<dt>What to do</dt><dd>${escapeHtml(entry.resolution)}</dd>
<dt>Retry</dt><dd>${RETRY[entry.retry.retryability]}${condition}</dd></dl>
</section>`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character]!);
}
