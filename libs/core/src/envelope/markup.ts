/** Markup past this many characters is not read: error pages say what they have to say at their head. */
const MAX_MARKUP = 65_536;
const MAX_NAME = 64;
/** Elements whose content is not meant to be read. */
const UNREAD = new Set(['script', 'style', 'noscript', 'template']);
const ENTITIES: ReadonlyMap<string, string> = new Map([
  ['lt', '<'],
  ['gt', '>'],
  ['amp', '&'],
  ['quot', '"'],
  ['apos', "'"],
  ['nbsp', ' '],
]);

/** Receives the parts of a markup text in their order. Names are lower case and without prefix. */
export interface MarkupVisitor {
  open(name: string): void;
  close(name: string): void;
  /** A run of text outside tags, entities decoded; empty runs are left out. */
  text(value: string): void;
}

/**
 * Walks HTML or XML of any quality in one pass over at most 64 Ki characters. An unclosed tag or comment ends
 * the walk; the contents of scripts, styles and comments are never passed on.
 */
export function walkMarkup(source: string, visitor: MarkupVisitor): void {
  const markup = source.slice(0, MAX_MARKUP);
  let unread = '';
  let at = 0;
  while (at < markup.length) {
    const open = tagStart(markup, at, unread);
    if (unread === '' && open > at) visitor.text(decodeEntities(markup.slice(at, open)));
    if (open >= markup.length) return;
    const special = specialEnd(markup, open, visitor);
    const end = special ?? endOf(markup, '>', open);
    if (end === undefined) return;
    if (special === undefined) unread = visitTag(markup.slice(open + 1, end - 1), unread, visitor);
    at = end;
  }
}

/** Where the next tag, comment or end of the unread element begins; the length of the text if nowhere. */
function tagStart(markup: string, from: number, unread: string): number {
  for (let at = markup.indexOf('<', from); at >= 0; at = markup.indexOf('<', at + 1)) {
    if (unread === '' ? /[a-z/!?]/i.test(markup.charAt(at + 1)) : closes(markup, at, unread)) return at;
  }
  return markup.length;
}

function closes(markup: string, at: number, name: string): boolean {
  return markup.slice(at + 1, at + 2 + name.length).toLowerCase() === `/${name}`;
}

/** The end of a comment, CDATA section, declaration or instruction; `undefined` for ordinary tags. */
function specialEnd(markup: string, open: number, visitor: MarkupVisitor): number | undefined {
  if (markup.startsWith('<!--', open)) return endOf(markup, '-->', open) ?? markup.length;
  if (!markup.startsWith('<![CDATA[', open)) return undefined;
  const end = endOf(markup, ']]>', open) ?? markup.length;
  visitor.text(markup.slice(open + 9, end).replace(/\]\]>$/, ''));
  return end;
}

function endOf(markup: string, mark: string, from: number): number | undefined {
  const at = markup.indexOf(mark, from);
  return at < 0 ? undefined : at + mark.length;
}

/** The name of the element whose content is now unread, empty where it is read. */
function visitTag(tag: string, unread: string, visitor: MarkupVisitor): string {
  const name = nameOf(tag);
  if (tag.startsWith('/')) {
    visitor.close(name);
    return '';
  }
  if (name === '') return unread;
  visitor.open(name);
  if (tag.endsWith('/')) {
    visitor.close(name);
    return '';
  }
  return UNREAD.has(name) ? name : '';
}

/** Empty for declarations and instructions. */
function nameOf(tag: string): string {
  const name = /^\/?([\w.:-]{1,64})/.exec(tag.slice(0, MAX_NAME + 1))?.[1] ?? '';
  return name.slice(name.lastIndexOf(':') + 1).toLowerCase();
}

function decodeEntities(value: string): string {
  if (!value.includes('&')) return value;
  return value.replace(/&(?:#(\d{1,7})|#x([\da-f]{1,6})|([a-z]{1,8}));/gi, (whole, dec, hex, name) => {
    if (typeof name === 'string') return ENTITIES.get(name.toLowerCase()) ?? whole;
    const point = typeof dec === 'string' ? Number(dec) : Number.parseInt(String(hex), 16);
    return point > 0 && point <= 0x10ffff ? String.fromCodePoint(point) : whole;
  });
}

/** One line: every run of white space becomes a space. */
export function oneLine(value: string): string {
  return value.replace(/\s+/g, ' ').trim();
}
