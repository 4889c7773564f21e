import './global-setup';

/** Stops the servers and deletes what they kept. */
export default async function tearDown(): Promise<void> {
  const run = globalThis.berthTestRun;
  globalThis.berthTestRun = undefined;
  await run?.servers.stop();
  run?.directory.remove();
}
