import type { InstanceView } from '../domain/instance';
import type { InstanceChange } from '../domain/instance-changes';
import type { InstanceEntries } from '../stores/etcd/objects';

/** What the commit wrote, without reading it back. */
export function afterCommit(entries: InstanceEntries, status: InstanceView['status'], change: InstanceChange, revision: number): InstanceEntries {
  return {
    ...entries,
    status: { value: status, revision },
    allocation: change.release ? undefined : change.allocate ? { value: change.allocate, revision } : entries.allocation,
    observed: change.release ? undefined : entries.observed,
  };
}
