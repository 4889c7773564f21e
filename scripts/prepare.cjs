'use strict';
/**
 * Makes a clone ready to run: right Node, packages installed as locked, sources compiled. Runs before every
 * command of package.json, with nothing but Node, and takes a moment when nothing has changed.
 */
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

const root = path.resolve(__dirname, '..');
const progressIntervalMs = 10_000;
const lockWaitMs = 10 * 60 * 1000;
const lockPollMs = 300;

async function main() {
  checkNode(process.versions.node);
  const release = await lock(path.join(root, '.berth', 'prepare.lock'));
  try {
    if (!isInstalledAsLocked()) await install();
    await compileIfChanged();
  } finally {
    release();
  }
}

/** NestJS is published as ES modules only; these are the versions of Node that can require() them. */
function checkNode(version) {
  const [major, minor] = version.split('.').map(Number);
  const fits = (major === 20 && minor >= 19) || (major === 22 && minor >= 12) || major > 22;
  if (!fits) throw new Error(`Node ${version} is too old: Berth needs Node 20.19 or newer, or 22.12 or newer`);
}

/** npm records what it installed; compared by content, since a checkout gives files new dates. */
function isInstalledAsLocked() {
  const locked = readJson('package-lock.json');
  const installed = readJson('node_modules/.package-lock.json');
  if (installed === undefined) return false;
  return Object.entries(locked.packages).every(([name, entry]) => {
    const found = installed.packages[name];
    // Packages for other platforms are optional and not there.
    return name === '' || (found === undefined ? entry.optional === true : found.version === entry.version);
  });
}

/**
 * Not `npm ci`: it refuses a lockfile that lacks the optional packages of another platform, which is what npm writes
 * where the registry does not offer them. Without saving, install keeps to the lockfile too, and leaves it as it is.
 */
function install() {
  return run('installing npm packages', 'npm', ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error']);
}

async function compileIfChanged() {
  const stampFile = path.join(root, 'dist', '.prepared.json');
  const before = readJson('dist/.prepared.json') ?? {};
  const now = sourceStamp();
  if (JSON.stringify(before) === JSON.stringify(now)) return;
  // The compiler leaves the output of sources that are gone, and so would a failed or foreign build.
  const isGone = (file) => !(file in now);
  if (Object.keys(before).length === 0 || Object.keys(before).some(isGone)) {
    fs.rmSync(path.join(root, 'dist'), { recursive: true, force: true });
  }
  fs.rmSync(stampFile, { force: true });
  const tsc = path.join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  await run('compiling', process.execPath, [tsc, '-p', 'tsconfig.build.json']);
  await run('bundling workflows', process.execPath, [path.join(root, 'dist', 'processes', 'build-workflow-bundle.js')]);
  fs.writeFileSync(stampFile, JSON.stringify(now));
}

/** Date and size of everything that the compiled output is made from. */
function sourceStamp() {
  const sources = fs
    .readdirSync(path.join(root, 'src'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(root, path.join(entry.parentPath ?? entry.path, entry.name)));
  const files = [...sources.sort(), 'tsconfig.json', 'tsconfig.build.json', 'package-lock.json'];
  return Object.fromEntries(
    files.map((file) => {
      const { mtimeMs, size } = fs.statSync(path.join(root, file));
      return [file, `${mtimeMs} ${size}`];
    }),
  );
}

/** Runs a command and says how long it takes; its output is shown as it comes. */
async function run(title, command, args) {
  const startedAt = Date.now();
  const seconds = () => `${Math.round((Date.now() - startedAt) / 1000)} s`;
  console.error(`${title} …`);
  const progress = setInterval(() => console.error(`${title} … ${seconds()}`), progressIntervalMs);
  try {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
    const code = await new Promise((settle, fail) => child.once('error', fail).once('close', settle));
    if (code !== 0) throw new Error(`${title} failed: \`${[command, ...args].join(' ')}\` ended with code ${code}`);
    console.error(`${title} … done in ${seconds()}`);
  } finally {
    clearInterval(progress);
  }
}

/** Two commands started at once in one clone must not both install or compile. */
async function lock(file) {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  const deadline = Date.now() + lockWaitMs;
  let told = false;
  while (!tryLock(file)) {
    const holder = Number(readIfThere(file) ?? process.pid);
    if (!isRunning(holder)) {
      fs.rmSync(file, { force: true });
      continue;
    }
    if (Date.now() >= deadline) {
      throw new Error(`process ${holder} still prepares this clone; if it does not, delete ${file}`);
    }
    if (!told) console.error(`waiting for process ${holder}, which prepares this clone …`);
    told = true;
    await new Promise((wake) => setTimeout(wake, lockPollMs));
  }
  return () => fs.rmSync(file, { force: true });
}

function tryLock(file) {
  const mine = `${file}.${process.pid}`;
  fs.writeFileSync(mine, String(process.pid));
  try {
    // A hard link appears whole and only once.
    fs.linkSync(mine, file);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  } finally {
    fs.rmSync(mine, { force: true });
  }
}

function isRunning(pid) {
  try {
    return pid > 0 && process.kill(pid, 0);
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function readJson(file) {
  const text = readIfThere(path.join(root, file));
  return text === undefined ? undefined : JSON.parse(text);
}

function readIfThere(file) {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}

module.exports = { checkNode };

if (require.main === module) {
  main().catch((error) => {
    console.error(error.message);
    process.exitCode = 1;
  });
}
