import type { TextEnvelope } from './envelope.js';
import type { JsonRecord } from './fields.js';
import { oauth } from './oauth.js';

const MAX_FORM = 4_096;
const MAX_PAIRS = 50;

/** OAuth 2 errors as a form, `error=…&error_description=…`, which GitHub's token endpoint sends by default. */
export const formBody: TextEnvelope = {
  name: 'form-body',
  read(body, contentType) {
    const isForm = contentType.startsWith('application/x-www-form-urlencoded') || body.startsWith('error=');
    return isForm ? oauth.read(fieldsOf(body.slice(0, MAX_FORM)), contentType) : undefined;
  },
};

function fieldsOf(form: string): JsonRecord {
  const fields: JsonRecord = Object.create(null) as JsonRecord;
  for (const pair of form.split('&', MAX_PAIRS)) {
    const equals = pair.indexOf('=');
    if (equals > 0) fields[pair.slice(0, equals)] = unescaped(pair.slice(equals + 1));
  }
  return fields;
}

function unescaped(value: string): string {
  const spaced = value.replaceAll('+', ' ');
  try {
    return decodeURIComponent(spaced);
  } catch {
    // A stray percent sign: the text is still readable as it is.
    return spaced;
  }
}
