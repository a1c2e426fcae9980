import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { link, mkdir, open, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

export type SecretBoxErrorCode =
  'BAD_KEY' | 'UNREADABLE_KEY_FILE' | 'UNKNOWN_FORMAT' | 'WRONG_KEY' | 'TAMPERED';

/** A secret that cannot be opened or a key that cannot be used; the message never holds either. */
export class SecretBoxError extends Error {
  override readonly name = 'SecretBoxError';
  constructor(
    readonly code: SecretBoxErrorCode,
    message: string,
  ) {
    super(message);
  }
}

const VERSION = 1;
const KEY_BYTES = 32;
const ID_BYTES = 4;
const IV_BYTES = 12;
const TAG_BYTES = 16;
const HEAD_BYTES = 1 + ID_BYTES;
const OVERHEAD = HEAD_BYTES + IV_BYTES + TAG_BYTES;

/**
 * Encrypts a secret for storage with AES-256-GCM (NIST SP 800-38D) under a random 96-bit nonce.
 *
 * Layout: version (1 byte), key id (4), nonce (12), tag (16), ciphertext; the head is authenticated too.
 * @param key 32 bytes
 * @param aad what the secret belongs to, such as `channel:42`: it opens only there
 * @throws SecretBoxError BAD_KEY
 */
export function sealSecret(key: Buffer, plaintext: string, aad: string): Buffer {
  const head = Buffer.concat([Buffer.of(VERSION), keyId(key)]);
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(boundTo(head, aad));
  const content = Buffer.concat([cipher.update(plaintext, 'utf8'), cipher.final()]);
  return Buffer.concat([head, iv, cipher.getAuthTag(), content]);
}

/**
 * Opens what `sealSecret` made.
 * @throws SecretBoxError UNKNOWN_FORMAT, WRONG_KEY (sealed under another key), TAMPERED (changed, or sealed
 * for something else), BAD_KEY
 */
export function openSecret(key: Buffer, sealed: Uint8Array, aad: string): string {
  const box = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
  const id = keyId(key);
  if (box.length < OVERHEAD || box[0] !== VERSION) {
    throw new SecretBoxError(
      'UNKNOWN_FORMAT',
      'The stored secret is not in a format that this version reads.',
    );
  }
  const head = box.subarray(0, HEAD_BYTES);
  if (!head.subarray(1).equals(id)) {
    throw new SecretBoxError(
      'WRONG_KEY',
      'The secret was stored under another key. Restore that key, or set the secret again.',
    );
  }
  const iv = box.subarray(HEAD_BYTES, HEAD_BYTES + IV_BYTES);
  const decipher = createDecipheriv('aes-256-gcm', key, iv, { authTagLength: TAG_BYTES });
  decipher.setAAD(boundTo(head, aad)).setAuthTag(box.subarray(HEAD_BYTES + IV_BYTES, OVERHEAD));
  try {
    return Buffer.concat([decipher.update(box.subarray(OVERHEAD)), decipher.final()]).toString('utf8');
  } catch {
    throw new SecretBoxError('TAMPERED', 'The stored secret was changed or moved. Set the secret again.');
  }
}

function boundTo(head: Buffer, aad: string): Buffer {
  return Buffer.concat([head, Buffer.from(aad, 'utf8')]);
}

/** Tells keys apart without telling anything about them. */
function keyId(key: Buffer): Buffer {
  if (key.length !== KEY_BYTES) {
    throw new SecretBoxError('BAD_KEY', `The secret key must be ${KEY_BYTES} bytes, not ${key.length}.`);
  }
  return createHash('sha256').update('errata secret box key id\0').update(key).digest().subarray(0, ID_BYTES);
}

/**
 * Reads the key of this installation, or makes one on first use: 32 random bytes as base64, mode 0600.
 *
 * Safe when several processes start at once: exactly one key comes to be, and it appears whole.
 * @throws SecretBoxError UNREADABLE_KEY_FILE where others may read the file, BAD_KEY where it holds no key
 */
export async function loadOrCreateKey(file: string): Promise<Buffer> {
  const found = await readKey(file);
  if (found !== undefined) return found;
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const draft = `${file}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    const handle = await open(draft, 'wx', 0o600);
    try {
      await handle.writeFile(`${randomBytes(KEY_BYTES).toString('base64')}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await link(draft, file).catch(ignoreIf('EEXIST'));
  } finally {
    await rm(draft, { force: true });
  }
  const made = await readKey(file);
  if (made === undefined) throw new SecretBoxError('UNREADABLE_KEY_FILE', `The key file ${file} vanished.`);
  return made;
}

async function readKey(file: string): Promise<Buffer | undefined> {
  const info = await stat(file).catch(ignoreIf('ENOENT'));
  if (info === undefined) return undefined;
  if (process.platform !== 'win32' && (info.mode & 0o077) !== 0) {
    throw new SecretBoxError(
      'UNREADABLE_KEY_FILE',
      `Other users may read the key file ${file}. Run: chmod 600 ${file}`,
    );
  }
  const handle = await open(file, 'r');
  try {
    const key = Buffer.from((await handle.readFile('utf8')).trim(), 'base64');
    if (key.length === KEY_BYTES) return key;
  } finally {
    await handle.close();
  }
  throw new SecretBoxError(
    'BAD_KEY',
    `The key file ${file} does not hold ${KEY_BYTES} bytes as base64. Restore it from a backup.`,
  );
}

function ignoreIf(code: string): (error: unknown) => undefined {
  return (error) => {
    if ((error as NodeJS.ErrnoException).code === code) return undefined;
    throw error;
  };
}
