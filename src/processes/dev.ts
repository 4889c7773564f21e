import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { claimRunDirectory } from './embedded/run-directory';
import { isFree } from './embedded/probes';
import type { Stack } from './stack';
import { startStack } from './stack';

/** `npm run dev`: everything on this machine, until Ctrl-C; state is kept between runs. */

const root = join(__dirname, '..', '..');
/** Where the state is kept between runs, and the addresses are written. */
const stateDirectory = resolve(process.env['BERTH_DEV_DIR'] ?? join(root, '.berth'));
const addressesFile = join(stateDirectory, 'dev.json');
const apiPortPreferred = 8080;

async function main(): Promise<void> {
  mkdirSync(stateDirectory, { recursive: true });
  const directory = await claimRunDirectory(join(stateDirectory, 'dev'), say);
  const stack = await startStack({
    directory: directory.path,
    report: say,
    temporalUi: true,
    ...((await isFree(apiPortPreferred)) && { apiPort: apiPortPreferred }),
    artifactsDirectory: process.env['BERTH_ARTIFACTS_DIR'] ?? join(root, 'examples'),
    external: {
      ...(process.env['BERTH_ETCD_ENDPOINTS'] && { etcd: process.env['BERTH_ETCD_ENDPOINTS'] }),
      ...(process.env['BERTH_MONGODB_URI'] && { mongodb: process.env['BERTH_MONGODB_URI'] }),
      ...(process.env['BERTH_TEMPORAL_ADDRESS'] && { temporal: process.env['BERTH_TEMPORAL_ADDRESS'] }),
    },
  });
  // Workers of the last run: their agents start again and find their plan; instances follow their restart policy.
  await stack.localProvider.startAll();
  writeFileSync(addressesFile, `${JSON.stringify(addressesOf(stack), undefined, 2)}\n`, { mode: 0o600 });
  introduce(stack);

  const died = await untilInterrupted(stack);
  if (died !== undefined) process.exitCode = 1;
  say('stopping agents, instances, processes and servers …');
  rmSync(addressesFile, { force: true });
  await stack.stop();
  directory.release();
  say('stopped; the state is kept for the next run');
}

/** What scripts need to find their way, and to be let in: for the eyes of whoever runs it alone. */
function addressesOf({ apis, servers, token }: Stack): Record<string, string | undefined> {
  return { api: apis[0], token, temporal: servers.temporal, temporalUi: servers.temporalUi, etcd: servers.etcd, mongodb: servers.mongodb };
}

function introduce(stack: Stack): void {
  const [api] = stack.apis;
  say(`
Berth is running. Ctrl-C stops it; its state is kept in ${join(stateDirectory, 'dev')}.

  API          ${api}/api/v1      (OpenAPI page: ${api}/docs)
  Temporal UI  ${stack.servers.temporalUi ?? 'as configured with your Temporal server'}
  Temporal     ${stack.servers.temporal}
  etcd         ${stack.servers.etcd}
  MongoDB      ${stack.servers.mongodb}
  logs         ${stack.logsDirectory}

All of it listens on loopback only. The addresses, and a token of the administrator that was made for this machine, are in
${addressesFile}, which you alone can read; the berth command finds it there. Try:

  export BERTH_TOKEN=$(node -p 'require("${addressesFile}").token')
  curl -s ${api}/api/v1/worker-templates -H "authorization: Bearer $BERTH_TOKEN" -H 'content-type: application/json' -d @examples/worker-template.json   (the first time)
  curl -s ${api}/api/v1/worker-templates -H "authorization: Bearer $BERTH_TOKEN"
`);
}

/** Resolves on Ctrl-C or SIGTERM, or with the name of a process that ended though it should not. */
async function untilInterrupted(stack: Stack): Promise<string | undefined> {
  const interrupted = new Promise<void>((resolve) => {
    // Heard for as long as we run: an impatient second Ctrl-C must not cut the clean-up short.
    process.on('SIGINT', resolve);
    process.on('SIGTERM', resolve);
  });
  const children = [...stack.children.api, ...stack.children.control];
  const died = Promise.race(children.map((child) => child.exited.then(() => child.name)));
  const first = await Promise.race([interrupted.then(() => undefined), died]);
  if (first !== undefined) say(`${first} has ended, see ${stack.logsDirectory}`);
  return first;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

main().catch((error: unknown) => {
  process.stderr.write(`npm run dev failed: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
});
