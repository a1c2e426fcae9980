import path from 'node:path';
import { errataHome, readReadyFile } from '../replay/target.js';

/** Where the query API is and who is asking. */
export interface Target {
  url: string;
  token: string;
  projectId: string;
}

export interface TargetFlags {
  url?: string;
  token?: string;
  project?: string;
}

/** Takes what the flags name; the rest comes from the instance that runs on this machine. */
export async function findTarget(flags: TargetFlags): Promise<Target> {
  if (flags.url !== undefined && flags.token !== undefined && flags.project !== undefined) {
    return { url: flags.url.replace(/\/+$/, ''), token: flags.token, projectId: flags.project };
  }
  const home = errataHome(process.env, process.cwd());
  const ready = await readReadyFile(home);
  if (ready === undefined) {
    throw new Error(
      `no instance runs here (${path.join(home, 'ready.json')} is missing). Start one with \`npm start\`, or name --url, --token and --project.`,
    );
  }
  return {
    url: (flags.url ?? ready.url).replace(/\/+$/, ''),
    token: flags.token ?? ready.apiToken,
    projectId: flags.project ?? String(ready.projectId),
  };
}

/** Adds the flags that {@link findTarget} reads. */
export const TARGET_OPTIONS: ReadonlyArray<readonly [string, string]> = [
  ['--url <url>', 'address of the API (default: the instance running here)'],
  ['--token <token>', 'API token (default: that of the instance running here)'],
  ['--project <id>', 'project (default: the first one)'],
];

/**
 * Calls the API.
 * @throws Error with the problem's code and detail where the API refuses
 */
export async function call<T>(target: Target, method: string, route: string, body?: unknown): Promise<T> {
  let response: Response;
  try {
    response = await fetch(`${target.url}${route}`, {
      method,
      headers: {
        authorization: `Bearer ${target.token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(30_000),
    });
  } catch (error) {
    const cause = (error as { cause?: { code?: string } }).cause?.code ?? (error as Error).message;
    throw new Error(`${target.url} does not answer (${cause}). Is the instance running?`, { cause: error });
  }
  const text = await response.text();
  const answer = text === '' ? undefined : (JSON.parse(text) as { code?: string; detail?: string });
  if (response.ok) return answer as T;
  throw new Error(`${answer?.code ?? response.status}: ${answer?.detail ?? response.statusText}`);
}
