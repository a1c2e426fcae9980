import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { openSource } from './reader.js';
import type { Source } from './reader.js';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'errata-reader-'));
});
afterAll(() => rm(dir, { recursive: true }));

async function texts(source: Source): Promise<string[]> {
  const found: string[] = [];
  for await (const line of source.lines()) found.push(line.text);
  return found;
}

async function fileOf(name: string, content: Buffer | string): Promise<string> {
  const file = path.join(dir, name);
  await writeFile(file, content);
  return file;
}

const nothing = Readable.from([]);

describe('openSource', () => {
  it.each<[string, Buffer | string, string[]]>([
    ['plain', 'a\nb\n', ['a', 'b']],
    ['gzipped', gzipSync('a\nb\n'), ['a', 'b']],
    ['gzip-members', Buffer.concat([gzipSync('a\n'), gzipSync('b\n')]), ['a', 'b']],
    ['empty', '', []],
    ['one-byte', 'a', ['a']],
  ])('reads a %s file, twice', async (name, content, expected) => {
    const source = await openSource(await fileOf(name, content), { stdin: nothing, repeatable: true });
    try {
      expect(await texts(source)).toEqual(expected);
      expect(await texts(source)).toEqual(expected);
      expect(source.size).toBe(content.length);
      expect(source.bytesRead()).toBe(content.length);
    } finally {
      await source.close();
    }
  });

  it('streams standard input once, with gzip found across tiny chunks', async () => {
    const bytes = [...gzipSync('a\nb\n')].map((byte) => Buffer.of(byte));
    const source = await openSource('-', { stdin: Readable.from(bytes), repeatable: false });
    expect(source.size).toBeUndefined();
    expect(await texts(source)).toEqual(['a', 'b']);
    await source.close();
  });

  it('reads standard input twice when asked, and leaves no copy behind', async () => {
    const copies = async () => (await readdir(tmpdir())).filter((name) => name.startsWith('errata-replay-'));
    const before = await copies();
    const source = await openSource('-', { stdin: Readable.from([Buffer.from('a\nb\n')]), repeatable: true });
    expect(await copies()).toEqual(before);
    expect(await texts(source)).toEqual(['a', 'b']);
    expect(await texts(source)).toEqual(['a', 'b']);
    await source.close();
  });

  it('says what is wrong with a file', async () => {
    const open = (file: string) => openSource(file, { stdin: nothing, repeatable: false });
    await expect(open(path.join(dir, 'none'))).rejects.toThrow(/there is no such file/);
    await expect(open(dir)).rejects.toThrow(/it is a directory/);
    const cut = await open(await fileOf('cut', gzipSync('a\n'.repeat(1_000)).subarray(0, 25)));
    await expect(texts(cut)).rejects.toThrow(/gzip data is damaged or cut short/);
    await cut.close();
  });

  it('passes a failing stream on', async () => {
    const broken = new Readable({ read: () => broken.destroy(new Error('cable pulled')) });
    const source = await openSource('-', { stdin: broken, repeatable: false });
    await expect(texts(source)).rejects.toThrow(/cannot read standard input: cable pulled/);
  });
});
