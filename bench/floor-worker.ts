import { NativeConnection, Worker } from '@temporalio/worker';

/** A process of its own, like the control process that the floor is compared with: `floor-worker.ts <address> <task queue>`. */
async function main(): Promise<void> {
  const [address, taskQueue] = process.argv.slice(2);
  const connection = await NativeConnection.connect({ address: address! });
  const worker = await Worker.create({
    connection,
    taskQueue: taskQueue!,
    workflowsPath: require.resolve('./floor-workflow'),
    activities: { noop: async () => undefined },
  });
  await worker.run();
}

void main();
