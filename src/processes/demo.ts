import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Berth } from './demo/berth';
import type { InstanceAnswer } from './demo/berth';
import type { DemoContext } from './demo/chapters';
import { endAll, eventsOf, makeWorker, mendFailure, registerDefinitions, runLabs, runService } from './demo/chapters';
import { Narrator } from './demo/narrator';
import { readHistory } from './demo/workflow-history';
import { createRunDirectory } from './embedded/run-directory';
import type { Stack } from './stack';
import { startStack } from './stack';

/**
 * `npm run demo`: the main job from end to end on real servers and real processes, told for a person, asserted at
 * every step, and cleaned up. Exits non-zero with the reason and the place of the logs when anything fails.
 */

const root = join(__dirname, '..', '..');
/** Another directory of examples, e.g. one whose lab is broken on purpose, to see that the demo notices. */
const examplesDirectory = resolve(process.env['BERTH_DEMO_EXAMPLES'] ?? join(root, 'examples'));

async function main(): Promise<void> {
  const tell = new Narrator((text) => process.stdout.write(text));
  tell.say('Berth demo: from a request to a running instance');
  const directory = await createRunDirectory('demo', (line) => tell.say(line));
  let stack: Stack | undefined;
  const interrupted = new Promise<never>((_, reject) => {
    // Heard for as long as the demo runs: an impatient second Ctrl-C must not cut the clean-up short.
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => reject(new Error(`interrupted by ${signal}`)));
  });
  try {
    await Promise.race([
      interrupted,
      (async () => {
        tell.chapter('Servers and processes');
        stack = await startStack({ directory: directory.path, report: (line) => tell.say(line), temporalUi: true, artifactsDirectory: examplesDirectory });
        introduce(tell, stack);
        await perform(tell, stack, directory.path);
      })(),
    ]);
    await stack!.stop();
    tell.say(`everything is stopped; the demo took ${tell.elapsedSeconds().toFixed(1)} s`);
    directory.remove();
  } catch (error) {
    process.stderr.write(`\nthe demo failed: ${error instanceof Error ? error.message : String(error)}\nlogs: ${join(directory.path, 'logs')}\n`);
    await stack?.stop().catch((cause: unknown) => process.stderr.write(`stopping failed too: ${String(cause)}\n`));
    directory.keep();
    process.exitCode = 1;
  }
  process.exit();
}

async function perform(tell: Narrator, stack: Stack, directory: string): Promise<void> {
  const scratchDirectory = join(directory, 'scratch');
  mkdirSync(scratchDirectory);
  const context: DemoContext = { berth: new Berth(stack.apis[0]!, stack.token), tell, examplesDirectory, scratchDirectory };
  const worker = await makeWorker(context);
  await registerDefinitions(context);
  const labs = await runLabs(context);
  const service = await runService(context);
  const mended = await mendFailure(context);
  const instances = [...labs, service, mended];
  await endAll(context, worker, instances);
  await showRecord(context, stack, mended);
  showAddresses(tell, stack, instances);
}

function introduce(tell: Narrator, { servers, apis }: Stack): void {
  tell.say('everything is up');
  tell.detail(`etcd ${servers.etcd}`, `MongoDB-compatible FerretDB ${servers.mongodb}`, `Temporal ${servers.temporal}, UI ${servers.temporalUi}`, `api ${apis[0]}`, 'every request of the demo carries a token of the administrator, made for this run');
}

/** The event trail beside the workflow history: two tellings of one life, which must agree. */
async function showRecord(context: DemoContext, stack: Stack, instance: InstanceAnswer): Promise<void> {
  const { tell } = context;
  tell.chapter(`The record of ${instance.id}`);
  const events = await eventsOf(context, instance);
  tell.say('its events (the permanent record)');
  for (const event of events) {
    const move = event.data.from !== undefined && event.data.from !== event.data.to ? `${event.data.from} → ${event.data.to}` : '';
    tell.detail(`${String(event.sequence).padStart(3)}  ${event.time}  ${event.type.padEnd(34)} ${event.actor.padEnd(10)} ${move}`);
  }
  const gap = events.findIndex((event, index) => event.sequence !== index + 1);
  if (events.length === 0 || gap >= 0) throw new Error(`the event trail has a gap at ${gap + 1}`);
  tell.say('what its lifecycle did (the workflow history)');
  for (const line of await readHistory(stack.servers.temporal, instance.id)) tell.detail(`     ${line.time.toISOString()}  ${line.text}`);
}

function showAddresses(tell: Narrator, { apis, servers }: Stack, instances: readonly InstanceAnswer[]): void {
  tell.chapter('Where to look (these addresses end with the demo; `npm run dev` keeps such ones)');
  tell.say(`OpenAPI page ${apis[0]}/docs`);
  tell.say('each lifecycle in the Temporal UI');
  for (const { id } of instances) tell.detail(`${servers.temporalUi}/namespaces/default/workflows/${encodeURIComponent(`instance/${id}`)}`);
}

void main();
