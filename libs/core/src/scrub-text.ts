/// <reference lib="es2024.string" />
/** Stands where a secret stood. */
export const FILTERED = '[Filtered]';

const CUT = '…[cut]';
const REPLACEMENT = '\uFFFD';

/** The longest text that is kept, in UTF-16 units. */
export const MAX_TEXT = 65_536;

/** What was done to a text or a value. */
export type CleanNote = 'repaired' | 'filtered' | 'cut';

export interface CleanText {
  text: string;
  notes: readonly CleanNote[];
}

/** Read past the cut, so that a secret lying across it is still seen whole. */
const OVERLAP = 4_096;

const DENIED =
  /passw|passphrase|secret|apikey|auth|credential|mysqlpwd|privatekey|token|bearer|cookie|accesskey|stripetoken|cardnumber|sessionid|^pwd$/;

// Words that contain a denied one and carry no secret. Each is cut out before the question is asked, so that
// `author_token` is still denied; letters only, because names are compared without separators.
const HARMLESS = new RegExp(
  [
    'author(?!i[sz])',
    'authori[sz]ed(?!key)',
    'authenticated',
    'auth(?:type|method|provider|scheme|mode|status|required|level)',
    'secretar(?:y|ies|iat)',
    '(?:max|min|total|prompt|completion|input|output|num|cached|reasoning|used|remaining|billed)tokens',
    'tokens(?:used|count|total|remaining|limit|left|per(?:second|minute|day|request))',
    'token(?:count|type|limit|usage|budget|expired|expires(?:at|in)|status|izer|ized|ization)',
    'cookie(?:consent|policy|banner|enabled)',
  ].join('|'),
  'g',
);

/**
 * True where a key name announces a secret: it contains a word of the deny-list (case and every separator
 * ignored) that is not part of a harmless one such as `author` or `max_tokens`.
 */
export function isSecretName(name: string): boolean {
  const plain = compactName(name);
  return DENIED.test(plain) && DENIED.test(plain.replace(HARMLESS, ' '));
}

// Two questions that nearly every text answers with no; only the rest is read by the patterns below. Every
// pattern is linear: runs are bounded or start only where a word starts, and no quantifier is nested.
const WORDS =
  /pass|secret|api.?key|auth|credential|pwd|private|token|bearer|basic\s|cookie|access.?key|session.?id|:\/\//i;
const SHAPES =
  /eyJ|A[KSB]IA|ACCA|gh[pousr]_|github_pat|glpat-|npm_|xox|_(?:live|test)_|whsec_|errata_|AIza|SG\.|sk-|\d{4}[ -]?\d{4,6}[ -]?\d{4}|[A-Z]{2}\d{2} ?[A-Z0-9]{4}/;

/** Three units of every word and prefix above that ordinary text has seldom, by their lowest five bits. */
const CLUES = new Uint8Array(32_768);
const CLUE_WORDS =
  'pas ecr key uth ede pwd iva tok rer sic oki ses :// eyj aki asi abi cca ghp gho ghu ghs ghr _pa glp npm xox _li _te whs ta_ aiz sg. sk-';
for (const [a, b, c] of CLUE_WORDS.split(' ')) {
  CLUES[(bits(a) << 10) | (bits(b) << 5) | bits(c)] = 1;
}

function bits(char: string | undefined): number {
  return (char?.charCodeAt(0) ?? 0) & 31;
}

const NOTHING: readonly CleanNote[] = Object.freeze([]);

const PEM =
  /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY[^]*?(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY[A-Z ]{0,10}-----|$)/g;
const JWT = /(?<![\w-])eyJ[\w-]{5,}\.[\w-]{5,}(?:\.[\w-]*){0,3}/g;
const URL_PASSWORD = /([a-z][a-z0-9+.-]{1,30}:\/\/[^\s/?#:@"'<>]{0,256}:)([^\s/?#"'<>]{1,512})@/gi;
const SCHEME = /\b(bearer|basic)([ \t]{1,8})([\w.~+/=-]{2,})/gi;
const TOKENS =
  /(?<![A-Za-z0-9_])(?:A[KSB]IA[A-Z0-9]{16}(?![A-Za-z0-9])|ACCA[A-Z0-9]{16}(?![A-Za-z0-9])|gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|npm_\w{30,}|xox[a-z]-[\w-]{10,}|[spr]k_(?:live|test)_\w{10,}|whsec_[\w+/=]{16,}|errata_\w{16,}|AIza[\w-]{30,}|SG\.[\w-]{16,}\.[\w-]{16,}|sk-[\w-]{20,})/g;
const CARD =
  /(?<![A-Za-z0-9.])(?:[2-6]\d{12,18}|[2-6]\d{3}[ -]\d{6}[ -]\d{4,5}|[2-6]\d{3}(?:[ -]\d{4}){2}[ -]\d{1,4}(?:[ -]\d{1,3})?)(?!\w|[.-]\d)/g;
const IBAN = /(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?![A-Za-z0-9])/g;
const PAIR =
  /(?<![\w.-])([A-Za-z][\w.-]{1,127})(\\?["'])?[ \t]{0,3}(={1,3}>?|:(?!\/\/))[ \t]{0,3}(\\?["'])?/g;

/** Prose that follows `token:` in a message, as against a token. */
const PROSE = new RegExp(
  `^(?:${[
    'a|an|the|this|that|your|you|user|please|must|is|are|was|were|be|has|have|had|may|can|cannot|could|should|does',
    'do|did|not|no|none|null|undefined|true|false|empty|blank|invalid|expired|required|missing|wrong|incorrect',
    'malformed|revoked|mismatch|failed|denied|unknown|unauthorized|too|only|field|value|token|tokens|bearer|basic',
    'digest|authentication|authorization|auth|scheme|realm|error|header|credentials?|format|type|for|and|or|with|in',
  ].join('|')})$`,
  'i',
);
/** Their value is the rest of the line. */
const HEADER = /authorization$|cookie$/;
const DONE = /^(?:(?:bearer|basic)[ \t]+)?\[Filtered\]/i;
/** In JSON a bracket opens a structure, whose own names are judged one by one. */
const OPENING = /^[[{]/;
const EMPTY = /^(?:null|true|false|undefined)(?:[^\w-]|$)/;
const STRONG_END =
  /(?:password|passwd|passphrase|pwd|secret|apikey|accesskey|privatekey|token|cookie|authorization|key)$/;

/**
 * Repairs a text for Postgres and JSON, replaces the secrets in it and bounds its length.
 *
 * NUL and lone surrogates become U+FFFD; only the secret part of a match becomes `[Filtered]`; a text longer
 * than `max` UTF-16 units ends, within them, in `…[cut]`, never inside a code point. Cleaning a clean text
 * changes nothing.
 */
export function cleanText(input: string, max: number = MAX_TEXT): CleanText {
  if (input.length <= max && isOrdinary(input)) return { text: input, notes: NOTHING };
  const sound = input.isWellFormed() && !input.includes('\0');
  const notes: CleanNote[] = [];
  const long = input.length > max + OVERLAP;
  const read = long ? input.slice(0, max + OVERLAP) : input;
  const repaired = read.toWellFormed().replaceAll('\0', REPLACEMENT);
  if (!sound) notes.push('repaired');
  const scrubbed = scrubText(repaired);
  if (scrubbed !== repaired) notes.push('filtered');
  const marked = long ? scrubbed + CUT : scrubbed;
  if (long || marked.length > max) notes.push('cut');
  if (notes.length === 0) return { text: input, notes: NOTHING };
  return { text: settle(marked, max), notes };
}

// A cut can end a text where a pattern begins to fit, and a replacement can bring two parts together or make
// the text too long again: both steps repeat until they change nothing.
function settle(text: string, max: number): string {
  let last = text;
  for (let round = 0; round < 4; round++) {
    const next = scrubText(cut(last, max));
    if (next === last && next.length <= max) return next;
    last = next;
  }
  return FILTERED.slice(0, max);
}

/**
 * One cheap look at each unit of a text: true where it can hold nothing to repair or to filter. It is ten times
 * as fast as the patterns, and nearly every text ends here.
 */
function isOrdinary(text: string): boolean {
  let hash = 0;
  let digits = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit === 0 || (unit & 0xf800) === 0xd800) return false;
    hash = ((hash << 5) | (unit & 31)) & 0x7fff;
    if (CLUES[hash] === 1) return false;
    if (unit >= 48 && unit <= 57) {
      digits++;
      if (digits >= 12 || isAccountHead(text, i)) return false;
    } else if (unit !== 32 && unit !== 45) {
      digits = 0;
    }
  }
  return true;
}

/** Two digits after two capitals, as account numbers begin. */
function isAccountHead(text: string, at: number): boolean {
  const tens = text.charCodeAt(at - 1);
  return tens >= 48 && tens <= 57 && isCapital(text.charCodeAt(at - 2)) && isCapital(text.charCodeAt(at - 3));
}

function isCapital(unit: number): boolean {
  return unit >= 65 && unit <= 90;
}

function cut(text: string, max: number): string {
  if (text.length <= max) return text;
  const kept = text.slice(0, Math.max(max - CUT.length, 0)).toWellFormed();
  const whole = kept.endsWith(REPLACEMENT) ? kept.slice(0, -1) : kept;
  return (whole + CUT).slice(0, max);
}

function scrubText(text: string): string {
  if (text.length < 6) return text;
  let clean = text;
  if (SHAPES.test(clean)) {
    clean = clean
      .replace(JWT, FILTERED)
      .replace(TOKENS, FILTERED)
      .replace(CARD, (run) => filterRun(run, isCardNumber))
      .replace(IBAN, (run) => filterRun(run, isIban));
  }
  return WORDS.test(clean) ? scrubWords(clean) : clean;
}

function scrubWords(text: string): string {
  const clean = text.includes('://') ? text.replace(URL_PASSWORD, `$1${FILTERED}@`) : text;
  return scrubPairs(
    clean
      .replace(PEM, FILTERED)
      .replace(SCHEME, (whole, scheme: string, gap: string, value: string) =>
        isSchemeProse(scheme, value) ? whole : `${scheme}${gap}${FILTERED}`,
      ),
  );
}

// `Bearer authentication` and `Basic plan` are English.
function isSchemeProse(scheme: string, value: string): boolean {
  const word = value.replace(/[.-]$/, '');
  return PROSE.test(word) || (scheme.toLowerCase() === 'basic' && /^[A-Za-z][a-z]{0,14}$/.test(word));
}

// Other figures or a word in capitals may follow a number, so shorter readings of the run are tried as well.
function filterRun(run: string, isSecret: (compact: string) => boolean): string {
  for (
    let end = run.length;
    end > 0;
    end = Math.max(run.lastIndexOf(' ', end - 1), run.lastIndexOf('-', end - 1))
  ) {
    const compact = run.slice(0, end).replace(/[ -]/g, '');
    if (compact.length < 13) return run;
    if (isSecret(compact)) return FILTERED + run.slice(end);
  }
  return run;
}

/** The Luhn check (ISO/IEC 7812-1, annex B) on 13 to 19 digits that begin as payment cards do. */
function isCardNumber(digits: string): boolean {
  if (digits.length > 19) return false;
  let sum = 0;
  for (let i = 0; i < digits.length; i++) {
    const digit = digits.charCodeAt(digits.length - 1 - i) - 48;
    sum += i % 2 === 0 ? digit : digit * 2 - (digit > 4 ? 9 : 0);
  }
  return sum % 10 === 0;
}

/** Remainder 1 by 97 of the rearranged account number (ISO 13616, MOD 97-10 of ISO 7064). */
function isIban(account: string): boolean {
  if (account.length < 15 || account.length > 34) return false;
  let remainder = 0;
  for (let i = 0; i < account.length; i++) {
    const unit = account.charCodeAt((i + 4) % account.length);
    const value = isCapital(unit) ? unit - 55 : unit - 48;
    remainder = (remainder * (value > 9 ? 100 : 10) + value) % 97;
  }
  return remainder === 1;
}

function scrubPairs(text: string): string {
  const parts: string[] = [];
  let done = 0;
  PAIR.lastIndex = 0;
  for (let pair = PAIR.exec(text); pair !== null; pair = PAIR.exec(text)) {
    const name = pair[1] ?? '';
    const from = PAIR.lastIndex;
    // Judged by its first words, so that a text of many such pairs is still read once.
    if (!isSecretName(name) || isHarmlessPair(pair, text.slice(from, from + 80))) continue;
    const quote = pair[4];
    const to = quote === undefined ? endOfBare(text, from, name) : endOfQuoted(text, from, quote);
    if (to === from) continue;
    parts.push(text.slice(done, from), FILTERED);
    done = to;
    PAIR.lastIndex = to;
  }
  parts.push(text.slice(done));
  return parts.join('');
}

function isHarmlessPair(
  [, name = '', nameQuote, separator, valueQuote]: RegExpExecArray,
  head: string,
): boolean {
  if (DONE.test(head)) return true;
  if (valueQuote !== undefined) return false;
  if (EMPTY.test(head)) return true;
  if (nameQuote !== undefined) return OPENING.test(head);
  return separator === ':' && isMessage(name, head);
}

function compactName(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]+/g, '');
}

function endOfQuoted(text: string, from: number, quote: string): number {
  let end = text.indexOf(quote, from);
  while (end > from && quote.length === 1 && text[end - 1] === '\\') end = text.indexOf(quote, end + 1);
  return end < 0 ? text.length : end;
}

function endOfBare(text: string, from: number, name: string): number {
  const stop = HEADER.test(compactName(name)) ? /[\r\n"']|\\[rn"]/g : /[\s"'&,;]|\\[rn"]/g;
  stop.lastIndex = from;
  return stop.exec(text)?.index ?? text.length;
}

// `INVALID_TOKEN: the token has expired` explains; `token: 8f3a…` tells.
function isMessage(name: string, value: string): boolean {
  const plain = compactName(name);
  if (HEADER.test(plain) && /^(?:token|apikey|digest|hawk|negotiate|ntlm|aws4\S*)[ \t]+\S/i.test(value))
    return false;
  const word = value.split(/[\s.!?]/, 1)[0] ?? '';
  if (PROSE.test(word)) return true;
  return !STRONG_END.test(plain) && !(word.length > 3 && /\d/.test(word));
}
