import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { SecretBoxError, loadOrCreateKey, openSecret, sealSecret } from './secret-box.js';

const key = randomBytes(32);

function codeOf(run: () => unknown): string | undefined {
  try {
    run();
  } catch (error) {
    if (error instanceof SecretBoxError) return error.code;
    throw error;
  }
  return undefined;
}

describe('sealSecret and openSecret', () => {
  it('give every text back, and never the same bytes twice', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string(), (text, aad) => {
        const sealed = sealSecret(key, text, aad);
        expect(openSecret(key, sealed, aad)).toBe(text);
        expect(sealSecret(key, text, aad).equals(sealed)).toBe(false);
      }),
    );
  });

  it('hide the text and lay the box out as documented', () => {
    const sealed = sealSecret(key, 'whsec_topsecret', 'channel:1');
    expect(sealed.includes('topsecret')).toBe(false);
    expect(sealed[0]).toBe(1);
    expect(sealed).toHaveLength(1 + 4 + 12 + 16 + 15);
    expect(sealed.subarray(1, 5)).toEqual(sealSecret(key, 'other', 'x').subarray(1, 5));
  });

  it('notice a change of any byte', () => {
    const sealed = sealSecret(key, 'secret', 'channel:1');
    for (let at = 0; at < sealed.length; at++) {
      const changed = Buffer.from(sealed);
      changed[at]! ^= 1;
      const expected = at === 0 ? 'UNKNOWN_FORMAT' : at < 5 ? 'WRONG_KEY' : 'TAMPERED';
      expect(codeOf(() => openSecret(key, changed, 'channel:1'))).toBe(expected);
    }
  });

  it('tie a secret to its place and its key', () => {
    const sealed = sealSecret(key, 'secret', 'channel:1');
    expect(codeOf(() => openSecret(key, sealed, 'channel:2'))).toBe('TAMPERED');
    expect(codeOf(() => openSecret(randomBytes(32), sealed, 'channel:1'))).toBe('WRONG_KEY');
    expect(codeOf(() => openSecret(key, sealed.subarray(0, 32), 'channel:1'))).toBe('UNKNOWN_FORMAT');
    expect(codeOf(() => sealSecret(randomBytes(16), 'secret', 'x'))).toBe('BAD_KEY');
  });
});

describe('loadOrCreateKey', () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'errata-key-'));
  });
  afterEach(() => rm(dir, { recursive: true }));

  it('makes one private key, whole, however many processes ask at once', async () => {
    const file = join(dir, 'deep', 'secret.key');
    const keys = await Promise.all(Array.from({ length: 8 }, () => loadOrCreateKey(file)));
    expect(new Set(keys.map((made) => made.toString('hex'))).size).toBe(1);
    expect(keys[0]).toHaveLength(32);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await readdir(join(dir, 'deep'))).toEqual(['secret.key']);
    expect(Buffer.from(await readFile(file, 'utf8'), 'base64')).toEqual(keys[0]);
    expect(await loadOrCreateKey(file)).toEqual(keys[0]);
  });

  it('refuses a file that others can read, and says how to fix it', async () => {
    const file = join(dir, 'secret.key');
    await loadOrCreateKey(file);
    await chmod(file, 0o644);
    await expect(loadOrCreateKey(file)).rejects.toThrow(`chmod 600 ${file}`);
  });

  it('never replaces a file that holds something else', async () => {
    const file = join(dir, 'secret.key');
    await writeFile(file, 'not a key', { mode: 0o600 });
    await expect(loadOrCreateKey(file)).rejects.toMatchObject({ code: 'BAD_KEY' });
    expect(await readFile(file, 'utf8')).toBe('not a key');
  });
});
