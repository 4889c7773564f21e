import { keys } from '../../../src/stores/etcd/keys';
import { eventually } from '../../support/etcd';
import type { Expectations } from './checker';
import { check, describeFindings } from './checker';
import type { FaultStack } from './fault-stack';
import { faultDatabase } from './names';
import { readRecord } from './record-reader';

/** What the checker says of a run that kept every promise. */
export const nothingBroken = describeFindings([]);

const drainTimeoutMs = 120_000;
/** A build with a planted bug may have written what can never be recorded. */
const plantedDrainTimeoutMs = 20_000;

/**
 * Waits until the record has everything, and judges the whole run. Answers what was broken, or
 * `nothingBroken`, so that a failing test shows every broken promise.
 */
export async function verdict(stack: FaultStack, expectations: Expectations = {}): Promise<string> {
  await untilRecorded(stack, drainTimeoutMs);
  return judge(stack, expectations);
}

/** Judges a run of a build that has a bug: with the whole record if it comes about, and else with what there is. */
export async function verdictOfPlanted(stack: FaultStack, expectations: Expectations = {}): Promise<string> {
  await untilRecorded(stack, plantedDrainTimeoutMs).catch(() => undefined);
  return judge(stack, expectations);
}

async function judge(stack: FaultStack, expectations: Expectations): Promise<string> {
  await stack.recorder.upToPresent();
  const { runs } = stack;
  const findings = check(
    {
      store: stack.recorder.history(),
      calls: stack.calls,
      record: await readRecord(stack.servers.mongodb.address, faultDatabase),
      runs: runs.starts.map(({ instanceId, pid, aliveBefore }) => ({ instanceId, pid, aliveBefore })),
      end: {
        liveProcesses: runs.alive.map(({ instanceId, pid }) => `process ${pid} of ${instanceId}`),
        leftDirectories: stack.agents.instanceDirectories.map((directory) => `directory of ${directory}`),
      },
    },
    expectations,
  );
  return describeFindings(findings);
}

/** Waits until the outbox is empty: trimming is the checkpoint of the record. */
async function untilRecorded(stack: FaultStack, timeoutMs: number): Promise<void> {
  const client = stack.openEtcd();
  try {
    await eventually('the outbox is empty', async () => (await client.list(keys.outboxPrefix, 1)).entries.length === 0, timeoutMs);
  } finally {
    client.close();
  }
}
