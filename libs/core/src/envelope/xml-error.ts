import { awsRetry } from './aws-json.js';
import type { EnvelopeReading, TextEnvelope } from './envelope.js';
import { codeOf, httpStatusOf, text } from './fields.js';
import { walkMarkup } from './markup.js';
import { codeOfType } from './problem.js';

const MAX_VALUES = 200;
const REQUEST_IDS = ['requestid', 'request_id', 'request-id'];
const MESSAGES = [
  'message',
  'faultstring',
  'text',
  'detail',
  'title',
  'errormessage',
  'description',
  'reason',
];

/** The texts of leaf elements by local name, in document order. */
interface Leaves {
  root: string;
  values: Map<string, string[]>;
}

/**
 * Errors in XML: S3's `<Error><Code>…<Message>…<RequestId>`, the AWS query protocol and EC2 around the same
 * elements, Azure Storage, OData's `<m:error>`, problem+xml, and SOAP faults of both versions.
 */
export const xmlError: TextEnvelope = {
  name: 'xml-error',
  read(body) {
    if (!body.startsWith('<')) return undefined;
    const leaves = leavesOf(body);
    if (leaves.root === 'html' || leaves.root === '') return undefined;
    const codes = codesOf(leaves);
    const message = firstOf(leaves, MESSAGES);
    if (codes.length === 0 && message === undefined) return undefined;
    const reading: EnvelopeReading = { code: codes[0], message, others: codes.slice(1) };
    reading.requestId = firstOf(leaves, REQUEST_IDS);
    reading.status = httpStatusOf(leaves.values.get('status')?.[0]);
    reading.retry = awsRetry(codes[0]);
    return reading;
  },
};

function leavesOf(body: string): Leaves {
  const leaves: Leaves = { root: '', values: new Map() };
  let name = '';
  let count = 0;
  walkMarkup(body, {
    open(opened) {
      if (leaves.root === '') leaves.root = opened;
      name = opened;
    },
    close() {
      name = '';
    },
    text(value) {
      const clean = name === '' ? undefined : text(value);
      if (clean === undefined || count >= MAX_VALUES) return;
      count += 1;
      const known = leaves.values.get(name);
      if (known === undefined) leaves.values.set(name, [clean]);
      else known.push(clean);
    },
  });
  return leaves;
}

/** SOAP qualifies its codes with a namespace prefix, and a sub-code is more specific than its code. */
function codesOf({ root, values }: Leaves): string[] {
  const all = (...names: string[]) => names.flatMap((name) => values.get(name) ?? []);
  if (root === 'envelope') {
    const soap = [...all('value').toReversed(), ...all('faultcode')];
    return soap.map((code) => codeOf(code.slice(code.indexOf(':') + 1))).filter((code) => code !== undefined);
  }
  if (root === 'problem')
    return all('type')
      .map(codeOfType)
      .filter((code) => code !== undefined);
  return all('code', 'errorcode', 'error_code')
    .map(codeOf)
    .filter((code) => code !== undefined);
}

function firstOf(leaves: Leaves, names: readonly string[]): string | undefined {
  return names.map((name) => leaves.values.get(name)?.[0]).find((value) => value !== undefined);
}
