import type { TextEnvelope } from './envelope.js';
import { text } from './fields.js';
import { oneLine } from './markup.js';

const MAX_MESSAGE = 500;
const READABLE = /^(?:$|text\/|application\/(?:[\w.+-]{0,60}json|xml|x-www-form-urlencoded)|\*\/\*)/;

/**
 * A sentence and nothing else. What starts like JSON or markup was cut or is of no known kind, and what holds
 * control characters is binary: neither is a message. Cloudflare's `error code: 1015` names a code.
 */
export const plainText: TextEnvelope = {
  name: 'plain-text',
  read(body, contentType) {
    if (/^[{[<"]/.test(body) || !READABLE.test(contentType)) return undefined;
    const head = body.slice(0, MAX_MESSAGE);
    if (/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\ufffd]/.test(head)) return undefined;
    const message = text(oneLine(head));
    if (message === undefined) return undefined;
    return { code: /^error code: (1\d{3})$/.exec(message)?.[1], message };
  },
};
