import { createHash, randomBytes } from 'node:crypto';

const HEX = /^[0-9a-f]{32}$/;

/** A time-ordered UUIDv7 (RFC 9562): 48 bits of milliseconds, 74 random bits. */
export function uuidV7(now: number): string {
  const bytes = randomBytes(16);
  bytes.writeUIntBE(now, 0, 6);
  bytes[6] = (bytes[6]! & 0x0f) | 0x70;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return format(bytes.toString('hex'));
}

/** Milliseconds inside a UUIDv7, or undefined for any other UUID. */
export function uuidV7Time(uuid: string): number | undefined {
  return uuid[14] === '7' ? Number.parseInt(uuid.slice(0, 8) + uuid.slice(9, 13), 16) : undefined;
}

/** A UUIDv8 (RFC 9562) made from content: the same text gives the same id. */
export function uuidFromContent(text: string): string {
  const bytes = createHash('sha256').update(text).digest().subarray(0, 16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x80;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return format(bytes.toString('hex'));
}

/** Lower case with dashes, or undefined where the text is not 32 hex digits. */
export function normalizeUuid(text: string): string | undefined {
  const hex = text.trim().toLowerCase().replaceAll('-', '');
  return HEX.test(hex) ? format(hex) : undefined;
}

function format(hex: string): string {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
