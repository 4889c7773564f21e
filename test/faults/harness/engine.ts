import { Client, Connection } from '@temporalio/client';
import { lifecycleTypes } from '../../../src/workflows/messages';

/** The engine as an operator reaches it, straight and not through proxies. */
export class Engine {
  private constructor(
    private readonly connection: Connection,
    readonly client: Client,
    private readonly taskQueue: string,
  ) {}

  static async connect(address: string, taskQueue: string): Promise<Engine> {
    const connection = await Connection.connect({ address });
    return new Engine(connection, new Client({ connection }), taskQueue);
  }

  /** A lifecycle that nothing in the product would start: a second one of an object that has one. */
  async startSecondLifecycle(collection: 'instances' | 'workers', id: string): Promise<void> {
    const type = collection === 'instances' ? lifecycleTypes.Instance : lifecycleTypes.Worker;
    await this.client.workflow.start(type, { workflowId: `second/${id}`, taskQueue: this.taskQueue, args: [id] });
  }

  close(): Promise<void> {
    return this.connection.close();
  }
}
