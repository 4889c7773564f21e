import fc from 'fast-check';
import type { Epochs } from '../../src/domain/epochs';
import type { PlanFrame, PlannedEntry } from '../../src/domain/plan';
import { comparePositions, mergePlan, planViewOf, type PlanView } from '../../src/domain/plan-merge';

const empty = planViewOf([]);

function entry(allocationId: string, revision: number, wanted: PlannedEntry['wanted'] = 'running'): PlannedEntry {
  return { schemaVersion: 1, allocationId, instanceId: `i-${allocationId}`, attempt: 1, wanted, workloadHash: '', revision: `${revision}` };
}
const put = (allocationId: string, revision: number): PlanFrame => ({ event: 'entry', data: entry(allocationId, revision) });
const removed = (allocationId: string, revision: number): PlanFrame => ({ event: 'removed', data: { allocationId, revision: `${revision}` } });
const snapshot = (revision: number, ...entries: PlannedEntry[]): PlanFrame => ({ event: 'snapshot', data: { revision: `${revision}`, entries } });

/** As the control plane tells it once it was restored. */
function later(frame: PlanFrame): PlanFrame {
  const epoch = 2;
  if (frame.event === 'entry') return { ...frame, data: { ...frame.data, epoch } };
  if (frame.event === 'removed') return { ...frame, data: { ...frame.data, epoch } };
  return { ...frame, data: { ...frame.data, epoch, entries: frame.data.entries.map((each) => ({ ...each, epoch })) } };
}

function mergeAll(frames: readonly PlanFrame[], view: PlanView = empty): PlanView {
  return frames.reduce((former, frame) => mergePlan(former, frame).view, view);
}
/** The plan that a view stands for: allocation and revision of each entry. */
function planOf(view: PlanView): Record<string, string> {
  const entries = [...view.known].filter(([, known]) => known.kind === 'entry').sort();
  return Object.fromEntries(entries.map(([id, known]) => [id, known.at.revision]));
}

describe('mergePlan', () => {
  test.each<[string, PlanFrame[], Record<string, string>]>([
    ['a newer entry replaces', [put('a', 5), put('a', 6)], { a: '6' }],
    ['a late entry changes nothing', [put('a', 6), put('a', 5)], { a: '6' }],
    ['revisions are compared as numbers', [put('a', 9), put('a', 10)], { a: '10' }],
    ['a removal removes', [put('a', 5), removed('a', 6)], {}],
    ['a late removal changes nothing', [put('a', 7), removed('a', 6)], { a: '7' }],
    ['an entry from before its removal stays removed', [removed('a', 6), put('a', 5)], {}],
    ['a removal outranks the entry of its revision', [put('a', 5), removed('a', 5), put('a', 5)], {}],
    ['absence removes an older entry', [put('a', 5), snapshot(6)], {}],
    ['absence says nothing about a newer entry', [put('a', 7), snapshot(6)], { a: '7' }],
    ['a snapshot does not bring back what was removed after it', [removed('a', 8), snapshot(6, entry('a', 5))], {}],
    ['an older snapshot says nothing', [snapshot(9, entry('a', 5)), snapshot(7, entry('b', 6))], { a: '5' }],
    ['an entry that a snapshot had dropped stays dropped', [put('a', 5), snapshot(9), put('a', 5)], {}],
    ['a later snapshot is believed', [snapshot(5), snapshot(9, entry('a', 4))], { a: '4' }],
    ['what the agent gave up is not brought back', [put('a', 5), removed('a', 5), snapshot(9, entry('a', 5)), snapshot(10, entry('a', 5))], {}],
  ])('%s', (_name, frames, plan) => {
    expect(planOf(mergeAll(frames))).toEqual(plan);
  });

  test.each<[string, PlanFrame[], Record<string, string>]>([
    ['an older entry of a later epoch replaces', [put('a', 500), later(snapshot(9_000, entry('a', 400)))], { a: '400' }],
    ['absence in a later epoch removes', [put('a', 400), put('b', 500), later(snapshot(9_000, entry('a', 400)))], { a: '400' }],
    ['what was removed in lost history comes back', [put('a', 400), removed('a', 500), later(snapshot(9_000, entry('a', 400)))], { a: '400' }],
    ['a snapshot of an earlier epoch says nothing', [later(snapshot(9_000)), snapshot(9_500, entry('a', 400))], {}],
    ['an entry of an earlier epoch says nothing', [later(snapshot(9_000, entry('a', 400))), put('a', 9_999)], { a: '400' }],
    ['a removal of an earlier epoch says nothing', [later(snapshot(9_000, entry('a', 400))), removed('a', 9_999)], { a: '400' }],
    ['what is put in the later epoch replaces', [later(snapshot(9_000, entry('a', 400))), later(put('a', 9_001))], { a: '9001' }],
    ['what is removed in the later epoch is gone', [later(snapshot(9_000, entry('a', 400))), later(removed('a', 9_001))], {}],
    ['without a word of epochs it is the first one', [put('a', 400), { event: 'entry', data: { ...entry('a', 500), epoch: 1 } }], { a: '500' }],
  ])('after a restore, %s', (_name, frames, plan) => {
    expect(planOf(mergeAll(frames))).toEqual(plan);
  });

  test('knows the epochs of the newest snapshot', () => {
    const epochs: Epochs = { epoch: 2, firstRevision: '8000', history: [{ epoch: 1, lastGoodRevision: '450' }] };
    const view = mergeAll([put('a', 500), { event: 'snapshot', data: { epoch: 2, epochs, revision: '9000', entries: [] } }, snapshot(9_500)]);
    expect(view.epochs).toEqual(epochs);
  });

  test('says which allocations changed, and only those', () => {
    const view = mergeAll([put('a', 5), put('b', 5), put('c', 5)]);
    const merged = mergePlan(view, snapshot(8, entry('a', 5), entry('b', 7), entry('d', 8)));
    expect([...merged.changed].sort()).toEqual(['b', 'c', 'd']);
    expect(mergePlan(merged.view, put('d', 8)).changed).toEqual([]);
    expect(mergePlan(merged.view, removed('x', 20)).changed).toEqual([]);
  });

  test('whatever was lost before the last snapshot, and however the rest arrives, the plan is the same', () => {
    fc.assert(
      fc.property(histories, ({ frames, plan }) => {
        expect(planOf(mergeAll(frames))).toEqual(plan);
      }),
      { numRuns: 500 },
    );
  });

  test('an allocation never goes back', () => {
    fc.assert(
      fc.property(histories, ({ frames }) => {
        let view = empty;
        for (const frame of frames) {
          const next = mergePlan(view, frame).view;
          for (const [id, known] of next.known) {
            const former = view.known.get(id);
            if (former) expect(comparePositions(known.at, former.at)).toBeGreaterThanOrEqual(0);
          }
          view = next;
        }
      }),
    );
  });
});

interface History {
  readonly frames: readonly PlanFrame[];
  readonly plan: Record<string, string>;
}

/** A true history of puts and removals, with what an agent may hear of it: shuffled, repeated and with gaps that a snapshot closes. */
const histories: fc.Arbitrary<History> = fc
  .array(fc.record({ id: fc.constantFrom('a', 'b', 'c', 'd'), remove: fc.boolean(), snapshot: fc.boolean(), lost: fc.boolean() }), { maxLength: 16 })
  .chain((steps) => {
    const alive = new Map<string, PlannedEntry>();
    const over = new Set<string>();
    const told: Array<{ readonly frame: PlanFrame; readonly revision: number; readonly lost: boolean }> = [];
    let lastSnapshot = 0;
    steps.forEach((step, index) => {
      const revision = index + 1;
      if (!over.has(step.id)) {
        if (step.remove && alive.has(step.id)) {
          alive.delete(step.id);
          over.add(step.id); // An id is never used twice.
          told.push({ frame: removed(step.id, revision), revision, lost: step.lost });
        } else {
          alive.set(step.id, entry(step.id, revision));
          told.push({ frame: put(step.id, revision), revision, lost: step.lost });
        }
      }
      if (step.snapshot) {
        told.push({ frame: snapshot(revision, ...alive.values()), revision, lost: false });
        lastSnapshot = revision;
      }
    });
    const heard = told.filter((each) => !each.lost || each.revision > lastSnapshot).map((each) => each.frame);
    const plan = Object.fromEntries([...alive].sort().map(([id, each]) => [id, each.revision]));
    return fc
      .tuple(fc.shuffledSubarray(heard, { minLength: heard.length }), fc.subarray(heard))
      .chain(([order, repeated]) => fc.shuffledSubarray([...order, ...repeated], { minLength: order.length + repeated.length }))
      .map((frames) => ({ frames, plan }));
  });
