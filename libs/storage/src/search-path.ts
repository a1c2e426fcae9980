/**
 * Postgres looks into a schema named like its user first. The queue's tables live in a schema of their
 * own, and a user of that name must not find them, or anything else, in place of ours.
 */
export const SEARCH_PATH = '-c search_path=public';
