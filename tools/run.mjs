// The commands of package.json. Nothing but Node's own modules here: on a fresh machine this runs
// before anything is installed, and it installs, generates and builds only what is missing or stale.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const stamps = path.join(root, 'node_modules', '.cache', 'errata');
const bin = (name) => path.join(root, 'node_modules', '.bin', name);

const commands = {
  start: async (rest) => {
    await prepare();
    process.argv = [process.execPath, path.join(root, 'apps/cli/bin/errata.js'), 'start', ...rest];
    await import('../apps/cli/bin/errata.js');
  },
  build: async () => {
    await prepare();
  },
  test: async (rest) => {
    await prepare();
    process.exitCode = await test(rest);
  },
  check: async () => {
    await prepare();
    process.exitCode = await check();
  },
  bench: async (rest) => {
    await prepare();
    process.exitCode = await run(process.execPath, [path.join(root, 'bench/run.mjs'), ...rest]);
  },
};

const MINIMUM = [20, 19];

function requireNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > MINIMUM[0] || (major === MINIMUM[0] && minor >= MINIMUM[1])) return;
  fail(`Node ${process.versions.node} is too old: Errata needs ${MINIMUM.join('.')} or newer.`);
}

function fail(message) {
  process.stderr.write(`errata: ${message}\n`);
  process.exit(1);
}

async function prepare() {
  requireNode();
  // `install` and not `ci`: a mirror may lack the optional packages of other platforms, and `ci` refuses a
  // lock file that was written against one. `--no-save` leaves the lock file as it is.
  await step(
    'dependencies',
    'Installing dependencies',
    () => [hashFile('package-lock.json'), existsSync(bin('nx'))],
    () =>
      run('npm', ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error'], {
        shell: process.platform === 'win32',
      }),
  );
  await step(
    'client',
    'Generating the database client',
    () => [
      hashFile('prisma/schema.prisma'),
      hashFile('prisma.config.ts'),
      existsSync(path.join(root, 'libs/storage/src/generated')),
    ],
    () =>
      run(process.execPath, [path.join(root, 'node_modules/prisma/build/index.js'), 'generate'], {
        quiet: true,
      }),
  );
  await step(
    'build',
    'Building',
    () => [sourceState(), existsSync(path.join(root, 'apps/cli/dist/main.js'))],
    () => run(process.execPath, [path.join(root, 'tools/build.mjs')]),
  );
}

// A step is done when its inputs hash to what they hashed to after its last success.
async function step(name, label, inputs, work) {
  const stamp = path.join(stamps, name);
  const state = () => createHash('sha256').update(JSON.stringify(inputs())).digest('hex');
  const before = inputs();
  const complete = before.at(-1) !== false;
  if (complete && existsSync(stamp) && readFileSync(stamp, 'utf8') === state()) return;
  const started = Date.now();
  process.stderr.write(`${label} …\n`);
  const code = await work();
  if (code !== 0) fail(`${label.toLowerCase()} failed with exit code ${code}; see the lines above.`);
  mkdirSync(stamps, { recursive: true });
  writeFileSync(stamp, state());
  process.stderr.write(`${label} … ok, ${((Date.now() - started) / 1000).toFixed(1)} s\n`);
}

function hashFile(name) {
  return createHash('sha256')
    .update(readFileSync(path.join(root, name)))
    .digest('hex');
}

function sourceState() {
  const files = [];
  const visit = (directory) => {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      if (['dist', 'node_modules', 'test'].includes(entry.name)) continue;
      const full = path.join(directory, entry.name);
      if (entry.isDirectory()) visit(full);
      else if (entry.name.endsWith('.ts') && !entry.name.endsWith('.spec.ts')) {
        files.push(`${full} ${statSync(full).mtimeMs} ${statSync(full).size}`);
      }
    }
  };
  visit(path.join(root, 'apps'));
  visit(path.join(root, 'libs'));
  return [...files.sort(), hashFile('.swcrc'), hashFile('tools/build.mjs')].join('\n');
}

/** Runs a command. @returns its exit code */
function run(command, args, { quiet = false, shell = false, env = {} } = {}) {
  return new Promise((resolve) => {
    let output = '';
    const child = spawn(command, args, {
      cwd: root,
      shell,
      env: { ...process.env, NX_DAEMON: 'false', NX_NO_CLOUD: 'true', ...env },
      stdio: quiet ? ['ignore', 'pipe', 'pipe'] : 'inherit',
    });
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (output += chunk));
    child.once('error', (error) => fail(`${command} cannot be run: ${error.message}`));
    child.once('close', (code, signal) => {
      if (quiet && code !== 0) process.stderr.write(output);
      resolve(code ?? (signal ? 1 : 0));
    });
  });
}

async function test(rest) {
  const totals = { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0 };
  let worst = 0;
  for (const kind of ['unit', 'int']) {
    const file = path.join(os.tmpdir(), `errata-jest-${process.pid}-${kind}.json`);
    const jest = [path.join(root, 'node_modules/jest/bin/jest.js'), '--config', `jest.${kind}.mjs`];
    const code = await run(
      process.execPath,
      [...jest, '--json', `--outputFile=${file}`, '--passWithNoTests', ...rest],
      {
        // The suites print their own report on stderr; the JSON is for the count below.
        env: { NODE_OPTIONS: '--disable-warning=ExperimentalWarning' },
      },
    );
    worst = Math.max(worst, code);
    if (!existsSync(file)) continue;
    const result = JSON.parse(readFileSync(file, 'utf8'));
    for (const key of Object.keys(totals)) totals[key] += result[key];
    rmSync(file);
  }
  const { numPassedTests: passed, numFailedTests: failed, numPendingTests: skipped } = totals;
  process.stdout.write(`\n${passed} passed, ${failed} failed, ${skipped} skipped\n`);
  return worst;
}

async function check() {
  const parts = [
    [
      'format',
      process.execPath,
      [path.join(root, 'node_modules/prettier/bin/prettier.cjs'), '--check', '--log-level', 'warn', '.'],
    ],
    ['error docs', process.execPath, ['tools/gen-errors-doc.mjs', '--check']],
    [
      'lint, types, unit tests',
      process.execPath,
      [
        path.join(root, 'node_modules/nx/dist/bin/nx.js'),
        'run-many',
        '-t',
        'lint',
        'typecheck',
        'test',
        '--outputStyle=static',
      ],
    ],
  ];
  let worst = 0;
  for (const [name, command, args] of parts) {
    process.stderr.write(`\n— ${name}\n`);
    const code = await run(command, args);
    if (code !== 0) process.stderr.write(`errata: ${name} failed\n`);
    worst = Math.max(worst, code);
  }
  return worst;
}

const [name = '', ...rest] = process.argv.slice(2);
if (!(name in commands))
  fail(`unknown command ${JSON.stringify(name)}; known: ${Object.keys(commands).join(', ')}`);
await commands[name](rest);
