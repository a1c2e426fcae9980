import { buildAlertMessage } from '@errata/core';
import type { AlertMessageInput } from '@errata/core';
import { alertPayload } from './webhook-payload.js';

const T = Date.UTC(2026, 10, 22, 12, 0, 0);
const bare: AlertMessageInput = {
  reason: 'fired',
  now: T,
  incident: {
    id: 'i1',
    phase: 'firing',
    severity: 'high',
    labels: { code: 'X' },
    value: 1.5,
    peak: 2,
    startedAt: T,
    url: 'http://errata.example/i1',
  },
  rule: { id: 'r1', name: 'Rule', kind: 'threshold', params: { windowSeconds: 60, threshold: 1 } },
  project: { id: 1, name: 'P' },
};
const full: AlertMessageInput = {
  ...bare,
  reason: 'resolved',
  incident: { ...bare.incident, phase: 'resolved', resolvedAt: T },
  rule: { id: 'r1', name: 'Deleted rule' },
  code: 'X',
  tenant: 'acme',
  retryability: 'conditional',
  documented: {
    catalog: 'Catalog',
    entry: {
      code: 'X',
      aliases: [],
      statuses: [],
      section: 's',
      title: 't',
      meaning: 'm',
      causes: ['c'],
      resolution: 'r',
      retry: {
        retryability: 'conditional',
        strategy: 'wait_for',
        condition: 'the scan ends',
        maxAttempts: 3,
      },
      category: 'other',
      severity: 'low',
      expectation: 'normal',
      docsUrl: 'https://docs.example',
    },
  },
};

describe('alertPayload', () => {
  it.each([
    ['a firing message with the least in it', bare],
    ['a resolved message with everything in it', full],
  ])('describes %s, whole and unchanged', (_, input) => {
    const message = buildAlertMessage(input);
    expect(alertPayload.parse(message)).toEqual(message);
  });
});
