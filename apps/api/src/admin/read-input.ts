import { ApiError } from '@errata/contracts';
import type { FieldError } from '@errata/contracts';
import type { z } from 'zod';

/**
 * Validates a body or query; every fault names its field.
 * @param invalid code for wrong values
 * @param unknown code for names that the schema does not have
 * @throws ApiError
 */
export function readInput<T>(schema: z.ZodType<T>, input: unknown, invalid: string, unknown: string): T {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  const strange = parsed.error.issues.find((issue) => issue.code === 'unrecognized_keys');
  if (strange !== undefined) {
    const keys = (strange as { keys: string[] }).keys;
    const errors = keys.map((key) => ({ field: key, message: 'is not known here' }));
    throw new ApiError(unknown, `Not known here: ${keys.join(', ')}. Check the spelling; see /docs.`, {
      errors,
    });
  }
  const errors: FieldError[] = parsed.error.issues.map((issue) => ({
    field: issue.path.join('.') || 'body',
    message: issue.message,
  }));
  throw new ApiError(invalid, `${errors[0]!.field}: ${errors[0]!.message}.`, { errors });
}
