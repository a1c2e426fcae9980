import fc from 'fast-check';
import { splitLines } from './lines.js';
import type { Line } from './lines.js';

async function* pieces(data: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < data.length; at += size) {
    await Promise.resolve();
    yield data.subarray(at, at + size);
  }
}

async function linesOf(text: string | Buffer, size = 1_000, maxBytes?: number): Promise<Line[]> {
  const found: Line[] = [];
  for await (const line of splitLines(pieces(Buffer.from(text), size), maxBytes)) found.push(line);
  return found;
}

describe('splitLines', () => {
  it('finds the same lines however the bytes arrive', async () => {
    const line = fc.string({ unit: 'grapheme' }).map((text) => text.replace(/[\r\n\uFEFF]/g, ''));
    await fc.assert(
      fc.asyncProperty(fc.array(line), fc.integer({ min: 1, max: 9 }), async (texts, size) => {
        const found = await linesOf(texts.map((text) => `${text}\n`).join(''), size);
        expect(found).toEqual(texts.map((text, index) => ({ position: index + 1, text })));
      }),
    );
  });

  it.each<[string, string, string[]]>([
    ['nothing', '', []],
    ['Windows endings', 'a\r\nb\r\n', ['a', 'b']],
    ['no last ending', 'a\nb', ['a', 'b']],
    ['blank lines', '\n\na\n', ['', '', 'a']],
    ['a byte order mark', '\uFEFF{}\n\uFEFF', ['{}', '\uFEFF']],
  ])('copes with %s', async (_name, text, expected) => {
    expect((await linesOf(text)).map((line) => line.text)).toEqual(expected);
  });

  it('keeps only the start of an overlong line and goes on', async () => {
    const found = await linesOf(`${'x'.repeat(50)}\nshort\n`, 7, 10);
    expect(found.map((line) => line.text)).toEqual(['x'.repeat(10), 'short']);
  });
});
