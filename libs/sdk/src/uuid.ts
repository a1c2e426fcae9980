/** Gives as many random bytes as the array holds, in it or in another. */
export type RandomBytes = (bytes: Uint8Array) => Uint8Array;

/** Node 18 has no global `crypto`; ids must differ, not be secret. */
const randomBytes: RandomBytes = (bytes) => {
  const { crypto } = globalThis as { crypto?: { getRandomValues: RandomBytes } };
  return crypto?.getRandomValues(bytes) ?? bytes.map(() => Math.random() * 256);
};

/**
 * A time-ordered UUIDv7, lower case with dashes: 48 bits of time and 74 random bits (RFC 9562, 5.7).
 * @param now milliseconds since the epoch
 */
export function uuidV7(now: number, random = randomBytes): string {
  const bytes = random(new Uint8Array(10));
  const time = now.toString(16).padStart(12, '0');
  const rest = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  const variant = '89ab'[bytes[9]! & 3]!;
  const [a, b, c] = [rest.slice(0, 3), rest.slice(3, 6), rest.slice(6, 18)];
  return `${time.slice(0, 8)}-${time.slice(8)}-7${a}-${variant}${b}-${c}`;
}
