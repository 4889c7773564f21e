import type { LifecycleWorker } from '../../src/engine/work-while-able';
import { workWhileAble } from '../../src/engine/work-while-able';
import { eventually } from '../support/etcd';

/** Runs until it is shut down, or ends by itself. */
class FakeWorker implements LifecycleWorker {
  private state: ReturnType<LifecycleWorker['getState']> = 'INITIALIZED';
  private settle: (failure?: Error) => void = () => undefined;

  getState(): ReturnType<LifecycleWorker['getState']> {
    return this.state;
  }

  run(): Promise<void> {
    this.state = 'RUNNING';
    return new Promise((resolve, reject) => (this.settle = (failure) => (failure ? reject(failure) : resolve())));
  }

  shutdown(): void {
    this.end();
  }

  end(failure?: Error): void {
    this.state = 'STOPPED';
    this.settle(failure);
  }
}

function scene() {
  const workers = [new FakeWorker()];
  const store = { isThere: true };
  const stopping = new AbortController();
  const create = async () => workers[workers.push(new FakeWorker()) - 1]!;
  const check = async () => {
    if (!store.isThere) throw new Error('no store');
  };
  const working = workWhileAble(workers[0]!, { create, check, onProblem: () => undefined }, stopping.signal);
  return { workers, store, stopping, working, states: () => workers.map((worker) => worker.getState()) };
}

test('a process that lost the store takes no lifecycles, and takes them again when the store is back', async () => {
  const { store, stopping, working, states } = scene();
  store.isThere = false;
  await eventually('the worker is shut down', () => states().join() === 'STOPPED');
  store.isThere = true;
  await eventually('another one runs', () => states().join() === 'STOPPED,RUNNING');
  stopping.abort();
  await working;
  expect(states()).toEqual(['STOPPED', 'STOPPED']);
}, 30_000);

test('a process that is asked to stop while the store is away has nothing to end', async () => {
  const { store, stopping, working, states } = scene();
  store.isThere = false;
  await eventually('the worker is shut down', () => states().join() === 'STOPPED');
  stopping.abort();
  await working;
  expect(states()).toEqual(['STOPPED']);
}, 30_000);

test('a worker that ends by itself is not replaced: whoever runs the process hears of it', async () => {
  const ended = scene();
  ended.workers[0]!.end();
  await ended.working;
  expect(ended.workers).toHaveLength(1);
  const failed = scene();
  failed.workers[0]!.end(new Error('a fault of the engine'));
  await expect(failed.working).rejects.toThrow('a fault of the engine');
}, 30_000);
