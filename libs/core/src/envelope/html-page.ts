import type { TextEnvelope } from './envelope.js';
import { httpStatusOf, text } from './fields.js';
import { oneLine, walkMarkup } from './markup.js';

const MAX_HEADING = 300;
const HEAD = 65_536;
const PAGE = /^<(?:\?xml|!doctype html|html|head|body|title|center|h1|!--)/i;
const RAY_ID = /Ray ID:?\s{0,9}(?:<[a-z]{1,10}[^<>]{0,80}>)?\s{0,9}([0-9a-f]{16})/;
const REQUEST_ID = /Request ID:\s{0,9}([\w+/=-]{8,128})/;

interface Headings {
  title: string;
  h1: string;
}

/**
 * Error pages of proxies and web servers (nginx, Apache, Cloudflare, CloudFront): title and first main heading are
 * the message, markup and scripts never are. A code only where the page has one of its own,
 * which Cloudflare's 1xxx pages do.
 */
export const htmlPage: TextEnvelope = {
  name: 'html-page',
  read(body, contentType) {
    if (!body.startsWith('<')) return undefined;
    if (!PAGE.test(body) && !/^(?:text\/html|application\/xhtml)/.test(contentType)) return undefined;
    const headings = headingsOf(body);
    const message = text(joined(headings));
    if (message === undefined) return undefined;
    const head = body.slice(0, HEAD);
    return {
      code: cloudflareCode(head, headings),
      message,
      requestId: (RAY_ID.exec(head) ?? REQUEST_ID.exec(head))?.[1],
      status: statusIn(headings.title) ?? statusIn(headings.h1),
    };
  },
};

function headingsOf(body: string): Headings {
  const found: Headings = { title: '', h1: '' };
  const closed = new Set<string>();
  let inside: keyof Headings | undefined;
  walkMarkup(body, {
    open(name) {
      if ((name === 'title' || name === 'h1') && !closed.has(name)) inside = name;
    },
    close(name) {
      if (name !== inside) return;
      closed.add(name);
      inside = undefined;
    },
    text(value) {
      if (inside === undefined || found[inside].length > MAX_HEADING) return;
      found[inside] += ` ${value.slice(0, 2 * MAX_HEADING)}`;
    },
  });
  return { title: headline(found.title), h1: headline(found.h1) };
}

function headline(value: string): string {
  return oneLine(value).slice(0, MAX_HEADING);
}

function joined({ title, h1 }: Headings): string {
  if (title === '' || h1.toLowerCase().includes(title.toLowerCase())) return h1;
  return h1 === '' || title.toLowerCase().includes(h1.toLowerCase()) ? title : `${title}: ${h1}`;
}

function statusIn(heading: string): number | undefined {
  return httpStatusOf(/(?:^|^Error |^HTTP |\| )([45]\d\d)\b/i.exec(heading)?.[1]);
}

function cloudflareCode(head: string, { title, h1 }: Headings): string | undefined {
  if (!/cloudflare/i.test(head)) return undefined;
  return /\berror:? (?:code:? )?(1\d{3})\b/i.exec(`${h1} ${title}`)?.[1];
}
