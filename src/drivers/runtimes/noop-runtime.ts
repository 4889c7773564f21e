import type { ComponentRequest, RunningComponent, Runtime } from './runtime';

const done = Promise.resolve();

/** Runs nothing and is at once what it is told to be. What is measured with it is everything else. */
export class NoopRuntime implements Runtime {
  readonly name = 'noop';
  readonly usesHost = false;

  start(request: ComponentRequest): Promise<RunningComponent> {
    // Nothing runs, so nothing ends. Each has its own promise: one for all would keep everybody who ever waited on it.
    const ended = new Promise<never>(() => undefined);
    return Promise.resolve({ name: request.component.name, ended, ready: () => done, stop: () => done });
  }

  adopt(request: ComponentRequest): Promise<RunningComponent> {
    return this.start(request);
  }

  reap(): Promise<void> {
    return done;
  }
}
