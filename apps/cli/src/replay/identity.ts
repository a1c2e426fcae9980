import { uuidFromContent } from '@errata/platform';

/**
 * The id of the event that a line becomes, made from what the line says and where it stands.
 *
 * It does not depend on the shift, the file's name or its compression, so a second replay meets the
 * same ids, while two equal lines of one file stay two events.
 * @param content the line without its line ending
 * @param position line number, from 1
 * @returns UUIDv8 (RFC 9562) over SHA-256
 */
export function lineEventId(content: string, position: number): string {
  return uuidFromContent(`${position}\n${content}`);
}
