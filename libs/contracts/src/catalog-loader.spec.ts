import { CatalogError, parseCatalog } from './catalog-loader.js';
import type { CatalogProblem } from './catalog-loader.js';

const HEAD = 'slug: my-api\ntitle: My API\nversion: 2\nentries:\n';

const ENTRY = `  - code: A_B
    status: 404
    title: Gone
    meaning: It is gone.
    retry: { retryability: permanent }
    category: not_found
`;

function problems(text: string): CatalogProblem[] {
  try {
    parseCatalog(text);
  } catch (error) {
    if (error instanceof CatalogError) return error.problems;
    throw error;
  }
  return [];
}

describe('parseCatalog', () => {
  it('fills in what a short entry leaves out', () => {
    expect(parseCatalog(HEAD + ENTRY)).toEqual({
      slug: 'my-api',
      title: 'My API',
      version: 2,
      entries: [
        {
          code: 'A_B',
          aliases: [],
          statuses: ['404'],
          section: '',
          title: 'Gone',
          meaning: 'It is gone.',
          causes: [],
          resolution: '',
          retry: { retryability: 'permanent' },
          category: 'not_found',
          severity: 'medium',
          expectation: 'normal',
        },
      ],
    });
  });

  it('reads every field', () => {
    const text = `slug: my-api
title: My API
version: 1
docsUrl: https://docs.example/errors
envelope: '{"error"}'
success:
  - { status: 200, title: OK }
entries:
  - code: BUSY
    aliases: [ErrBusy]
    statuses: [409, 5XX]
    section: Jobs
    title: Busy
    meaning: A job runs.
    causes: [Two at once]
    resolution: Wait.
    retry: { retryability: conditional, strategy: wait_for, condition: the job ends, maxAttempts: 3, minDelaySeconds: 1.5 }
    category: conflict
    severity: high
    expectation: rare
    docsUrl: http://docs.example/errors#busy
`;
    const catalog = parseCatalog(text);
    expect(catalog).toMatchObject({ docsUrl: 'https://docs.example/errors', envelope: '{"error"}' });
    expect(catalog).not.toHaveProperty('success');
    expect(catalog.entries).toEqual([
      {
        code: 'BUSY',
        aliases: ['ErrBusy'],
        statuses: ['409', '5XX'],
        section: 'Jobs',
        title: 'Busy',
        meaning: 'A job runs.',
        causes: ['Two at once'],
        resolution: 'Wait.',
        retry: {
          retryability: 'conditional',
          strategy: 'wait_for',
          condition: 'the job ends',
          maxAttempts: 3,
          minDelaySeconds: 1.5,
        },
        category: 'conflict',
        severity: 'high',
        expectation: 'rare',
        docsUrl: 'http://docs.example/errors#busy',
      },
    ]);
  });

  it('takes a status as a code that documents itself', () => {
    const text = HEAD + ENTRY.replace('A_B', '5XX').replace('    status: 404\n', '');
    expect(parseCatalog(text).entries[0]).toMatchObject({ code: '5XX', statuses: ['5XX'] });
    expect(parseCatalog(HEAD + ENTRY.replace('A_B', '404')).entries[0]).toMatchObject({ code: '404' });
  });

  it('reads JSON', () => {
    expect(parseCatalog(JSON.stringify(parseCatalog(HEAD + ENTRY))).entries[0]?.code).toBe('A_B');
  });

  const rows: [string, string, CatalogProblem][] = [
    [
      'a misspelt key of an entry',
      `${HEAD}${ENTRY}    serverity: low\n`,
      { line: 11, path: 'entries[0].serverity', message: 'unknown key', hint: 'did you mean severity?' },
    ],
    [
      'a misspelt key of a retry rule',
      HEAD + ENTRY.replace('{ retryability', '{ maxAttemps: 3, retryability'),
      {
        line: 9,
        path: 'entries[0].retry.maxAttemps',
        message: 'unknown key',
        hint: 'did you mean maxAttempts?',
      },
    ],
    [
      'a key that resembles none',
      `colour: red\n${HEAD}${ENTRY}`,
      {
        line: 1,
        path: 'colour',
        message: 'unknown key',
        hint: 'known keys here: slug, title, version, docsUrl, envelope, success, entries',
      },
    ],
    [
      'a missing field',
      HEAD + ENTRY.replace('    title: Gone\n', ''),
      { line: 5, path: 'entries[0].title', message: 'is missing' },
    ],
    [
      'an unknown value',
      HEAD + ENTRY.replace('permanent', 'sometimes'),
      {
        line: 9,
        path: 'entries[0].retry.retryability',
        message: 'unknown value',
        hint: 'one of retryable, conditional, permanent, unknown',
      },
    ],
    [
      'a status out of range',
      HEAD + ENTRY.replace('status: 404', 'status: 604'),
      {
        line: 6,
        path: 'entries[0].status',
        message: 'must be a status from 100 to 599 or a class such as 5XX',
      },
    ],
    [
      'a code of digits that YAML would alter',
      HEAD + ENTRY.replace('A_B', '007'),
      { line: 5, path: 'entries[0].code', message: 'must be text; put a code of digits in quotes' },
    ],
    [
      'a condition left out',
      HEAD + ENTRY.replace('permanent', 'conditional'),
      {
        line: 9,
        path: 'entries[0].retry.condition',
        message: 'is missing: a conditional rule must say what has to change first',
      },
    ],
    [
      'a permanent rule with a strategy',
      HEAD + ENTRY.replace('permanent', 'permanent, strategy: backoff'),
      {
        line: 9,
        path: 'entries[0].retry.strategy',
        message: 'contradicts retryability permanent, which is never retried',
      },
    ],
    [
      'both status and statuses',
      HEAD + ENTRY.replace('status: 404', 'status: 404\n    statuses: [404]'),
      { line: 7, path: 'entries[0].statuses', message: 'contradicts status: give one of the two' },
    ],
    [
      'a repeated place',
      HEAD + ENTRY + ENTRY,
      { line: 11, path: 'entries[1].code', message: 'repeats A_B of entries[0] in the same section' },
    ],
    [
      'an alias that is another code',
      HEAD + ENTRY + ENTRY.replace('A_B', 'C_D\n    aliases: [A_B]'),
      { line: 12, path: 'entries[1].aliases[0]', message: 'A_B is a code of its own in this catalog' },
    ],
    [
      'an alias of two codes',
      HEAD + ENTRY.replace('A_B', 'A_B\n    aliases: [Z]') + ENTRY.replace('A_B', 'C_D\n    aliases: [Z]'),
      { line: 13, path: 'entries[1].aliases[0]', message: 'Z is already an alias of A_B' },
    ],
    [
      'a link that runs code',
      `${HEAD}${ENTRY}    docsUrl: javascript:alert(1)\n`,
      { line: 11, path: 'entries[0].docsUrl', message: 'must be an http or https URL' },
    ],
    [
      'a slug in capitals',
      (HEAD + ENTRY).replace('my-api', 'My_API'),
      { line: 1, path: 'slug', message: 'must be kebab-case, e.g. billing-api' },
    ],
    [
      'no entries',
      HEAD.replace('entries:', 'entries: []'),
      { line: 4, path: 'entries', message: 'must hold at least one entry' },
    ],
  ];

  it.each(rows)('reports %s with line and field', (_name, text, problem) => {
    expect(problems(text)).toEqual([problem]);
  });

  it('accepts one code in two sections', () => {
    expect(parseCatalog(`${HEAD}${ENTRY}${ENTRY}    section: B\n`).entries).toHaveLength(2);
  });

  it('accepts a code of digits in quotes', () => {
    expect(parseCatalog(HEAD + ENTRY.replace('A_B', '"007"')).entries[0]?.code).toBe('007');
  });

  it('reports all problems in the order of the lines', () => {
    const text = (HEAD + ENTRY).replace('my-api', 'X').replace('not_found', 'lost').replace('404', '9');
    expect(problems(text).map(({ line, path }) => [line, path])).toEqual([
      [1, 'slug'],
      [6, 'entries[0].status'],
      [10, 'entries[0].category'],
    ]);
  });

  it('says line, field, fault and hint in the message', () => {
    expect(() => parseCatalog(HEAD + ENTRY.replace('meaning:', 'meaning: x\n    mening:'))).toThrow(
      'line 9: entries[0].mening: unknown key (did you mean meaning?)',
    );
  });

  it.each([
    ['a repeated key', `${HEAD}${ENTRY}    title: Again\n`, 11],
    ['broken syntax', 'slug: "my\n', 2],
    ['two documents', `${HEAD}${ENTRY}---\nx: 1\n`, 11],
  ])('reports %s as unreadable', (_name, text, line) => {
    expect(problems(text)[0]).toMatchObject({
      line,
      message: expect.stringContaining('not readable as YAML') as string,
    });
  });

  it.each(['', 'text', '- 1'])('reports %j as no catalog', (text) => {
    expect(problems(text)).toMatchObject([{ line: 1, path: '' }]);
  });

  it('refuses anchors that multiply', () => {
    const levels = Array.from(
      { length: 12 },
      (_, i) => `a${i + 1}: &a${i + 1} [${`*a${i}, `.repeat(9)}*a${i}]`,
    );
    expect(problems(`a0: &a0 [x]\n${levels.join('\n')}\n`)).toHaveLength(1);
  });

  it('refuses a file over 2 MiB', () => {
    expect(problems(`# ${'x'.repeat(2_097_152)}`)).toEqual([
      { line: 1, path: '', message: 'the file is larger than 2 MiB' },
    ]);
  });
});
