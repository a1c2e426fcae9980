import { ruleInput } from './alerts.js';
import { channelInput, channelPatch } from './alerts.js';

const threshold = { name: 'Many', kind: 'threshold', params: { threshold: 10, window_seconds: 300 } };
const never = { name: 'Never', kind: 'never' };

/** Paths and messages of everything wrong. */
function faults(
  schema: { safeParse: (input: unknown) => { success: boolean; error?: { issues: unknown[] } } },
  input: unknown,
) {
  const parsed = schema.safeParse(input);
  const issues = (parsed.error?.issues ?? []) as Array<{ path: PropertyKey[]; message: string }>;
  return issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
}

describe('ruleInput', () => {
  it('fills in what was left out', () => {
    expect(ruleInput.parse(never)).toEqual({
      name: 'Never',
      kind: 'never',
      enabled: true,
      filters: {},
      group_by: ['code', 'tenant'],
      params: { window_seconds: 300 },
      for_seconds: 0,
      resolve_after_seconds: 300,
      severity: 'high',
      labels: {},
      runbook_url: null,
      channel_ids: null,
    });
  });

  it('takes a filter as one value or a list, and statuses as numbers or text', () => {
    const filters = { code: 'X', tenant: ['a', 'b'], status: [403, '429'], retryability: 'permanent' };
    expect(ruleInput.parse({ ...threshold, filters }).filters).toMatchObject({
      code: ['X'],
      tenant: ['a', 'b'],
      status: ['403', '429'],
      retryability: ['permanent'],
    });
  });

  it.each<[string, object, RegExp]>([
    ['a kind of a later release', { ...never, kind: 'spike' }, /^kind: .*threshold, never/],
    ['no threshold', { ...threshold, params: { window_seconds: 300 } }, /^params\.threshold: /],
    [
      'a threshold of nothing',
      { ...threshold, params: { threshold: 0, window_seconds: 300 } },
      /^params\.threshold: must be at least 1/,
    ],
    [
      'a threshold just beyond the most',
      { ...threshold, params: { threshold: 1_000_000_001, window_seconds: 300 } },
      /^params\.threshold: must be at most 1000000000/,
    ],
    [
      'a threshold of half an event',
      { ...threshold, params: { threshold: 1.5, window_seconds: 300 } },
      /^params\.threshold: must be a whole number/,
    ],
    [
      'a window that cuts minutes',
      { ...threshold, params: { threshold: 1, window_seconds: 90 } },
      /^params\.window_seconds: must be a multiple of 60/,
    ],
    [
      'a window that is too long',
      { ...threshold, params: { threshold: 1, window_seconds: 86_460 } },
      /^params\.window_seconds: must be at most 86400/,
    ],
    [
      'a direction that is not built',
      { ...threshold, params: { ...threshold.params, direction: 'below' } },
      /^params\.direction: /,
    ],
    [
      'a window of a never rule that is too short',
      { ...never, params: { window_seconds: 4 } },
      /^params\.window_seconds: must be at least 5/,
    ],
    ['params of the other kind', { ...never, params: threshold.params }, /^params: .*threshold/],
    ['a misspelt field', { ...never, severty: 'low' }, /^: .*severty/],
    ['a misspelt filter', { ...never, filters: { cod: 'X' } }, /^filters: .*cod/],
    ['an empty filter', { ...never, filters: { code: [] } }, /^filters\.code: must name at least one value/],
    ['an unknown category', { ...never, filters: { category: 'odd' } }, /^filters\.category\.0: /],
    [
      'a dimension that cannot be grouped by',
      { ...never, group_by: ['release'] },
      /^group_by\.0: must be one of code/,
    ],
    [
      'a dimension twice',
      { ...never, group_by: ['code', 'code'] },
      /^group_by: must not name a dimension twice/,
    ],
    ['no channel', { ...never, channel_ids: [] }, /^channel_ids: must name at least one/],
    [
      'a runbook that is no link',
      { ...never, runbook_url: 'javascript:alert(1)' },
      /^runbook_url: must be an http/,
    ],
    ['an empty name', { ...never, name: '  ' }, /^name: must not be empty/],
    ['NUL in a name', { ...never, name: 'a\0b' }, /^name: must not contain NUL or unpaired surrogates/],
    [
      'half a character in a label',
      { ...never, labels: { team: '\ud800' } },
      /^labels\.team: must not contain/,
    ],
    ['NUL in a filter', { ...never, filters: { tenant: ['\0'] } }, /^filters\.tenant\.0: must not contain/],
    ['a label name that is none', { ...never, labels: { 'a b': 'c' } }, /^labels\.a b: /],
  ])('refuses %s', (_, input, expected) => {
    expect(faults(ruleInput, input)).toEqual([expect.stringMatching(expected)]);
  });
});

it('refuses a threshold that no integer of the database holds', () => {
  const params = { threshold: 1e300, window_seconds: 300 };
  expect(faults(ruleInput, { ...threshold, params })).toContain(
    'params.threshold: must be at most 1000000000',
  );
});

it('takes the largest threshold, and text beyond the basic plane', () => {
  const params = { threshold: 1_000_000_000, window_seconds: 300 };
  expect(ruleInput.parse({ ...threshold, name: 'on fire \u{1f525}', params })).toMatchObject({
    name: 'on fire \u{1f525}',
    params,
  });
});

describe('channelInput', () => {
  const webhook = { kind: 'webhook', name: 'On call', config: { url: 'https://hooks.example/x' } };
  it('is enabled unless it says otherwise', () => {
    expect(channelInput.parse(webhook)).toEqual({ ...webhook, enabled: true });
  });

  it.each<[string, object, RegExp]>([
    ['a kind that is not built', { ...webhook, kind: 'slack' }, /^kind: .*webhook/],
    ['NUL in a name', { ...webhook, name: 'a\0b' }, /^name: must not contain NUL/],
    ['a URL that is none', { ...webhook, config: { url: 'hooks' } }, /^config\.url: must be an http/],
    [
      'another scheme',
      { ...webhook, config: { url: 'ftp://hooks.example' } },
      /^config\.url: must be an http/,
    ],
    ['a misspelt setting', { ...webhook, config: { ...webhook.config, uri: 'x' } }, /^config: .*uri/],
    ['a secret without its prefix', { ...webhook, secret: 'abc' }, /^secret: must be whsec_/],
    ['a secret that is too short', { ...webhook, secret: 'whsec_YWJj' }, /^secret: must hold 24 to 64 bytes/],
  ])('refuses %s', (_, input, expected) => {
    expect(faults(channelInput, input)).toContainEqual(expect.stringMatching(expected));
  });

  it('has no change of kind', () => {
    expect(faults(channelPatch, { kind: 'webhook' })).toEqual([expect.stringMatching(/kind/)]);
  });
});
