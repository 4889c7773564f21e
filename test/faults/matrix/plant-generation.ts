import { Committer } from '../../../src/stores/etcd/committer';
import { instanceSpecDecision, sequenceAfter, workerSpecDecision } from '../../../src/stores/etcd/decisions';
import type { InstanceEntries, WorkerEntries } from '../../../src/stores/etcd/objects';
import { FreshObjects } from '../../../src/stores/etcd/objects';
import type { FaultStack } from '../harness/fault-stack';

/** Gives an object's spec a new generation that asks for nothing: no request can, and a lifecycle must take note of it. */
export async function plantGeneration(stack: FaultStack, collection: 'instances' | 'workers', id: string): Promise<void> {
  const client = stack.openEtcd();
  try {
    const fresh = new FreshObjects(client);
    const decision =
      collection === 'instances'
        ? await fresh.instance(id).then((entries) => instanceSpecDecision(entries, { ...entries.spec.value, ...raised(entries) }, 'test'))
        : await fresh.worker(id).then((entries) => workerSpecDecision(entries, { ...entries.spec.value, ...raised(entries) }, 'test'));
    await new Committer(client, () => 1).commit(decision);
  } finally {
    client.close();
  }
}

function raised(entries: InstanceEntries | WorkerEntries): { generation: number; sequence: number } {
  return { generation: entries.spec.value.generation + 1, sequence: sequenceAfter(entries) };
}
