import type { DefinitionView } from '../../../src/api/definitions/api-schemas';
import type { InstanceDocument } from '../../../src/api/instances/schemas';
import type { TemplateView } from '../../../src/api/templates/schemas';
import type { WorkerDocument } from '../../../src/api/workers/schemas';
import type { Reply } from './client';
import type { TestApi } from './test-api';

export const instances = '/api/v1/instances';
export const definitions = '/api/v1/definitions';
export const templates = '/api/v1/worker-templates';
export const workers = '/api/v1/workers';

/** A definition of one component that runs nothing and has one port. */
export function webDocument(differences: Record<string, unknown> = {}): Record<string, unknown> {
  return { name: 'web', version: '1.0.0', components: [{ name: 'web', runtime: 'noop', ports: [{ name: 'http' }] }], ...differences };
}

export const smallTemplate = {
  name: 'small',
  description: 'a small one',
  provider: 'local',
  capacity: { cpu: 4, memory: '4Gi', storage: '20Gi' },
  cpuRatio: 2,
  portRange: { from: 2000, to: 2099 },
  labels: { zone: 'local' },
};

/** What tests begin with, made through the API. Each fails when the API refuses. */
export class Objects {
  constructor(private readonly api: TestApi) {}

  definition(document: Record<string, unknown> = webDocument()): Promise<DefinitionView> {
    return this.created(this.api.client.post<DefinitionView>(definitions, document));
  }

  instance(request: Record<string, unknown> = { definition: { name: 'web', version: '1.0.0' } }): Promise<InstanceDocument> {
    return this.created(this.api.client.post<InstanceDocument>(instances, request));
  }

  template(request: Record<string, unknown> = smallTemplate): Promise<TemplateView> {
    return this.created(this.api.client.post<TemplateView>(templates, request));
  }

  worker(request: Record<string, unknown> = { template: 'small' }): Promise<WorkerDocument> {
    return this.created(this.api.client.post<WorkerDocument>(workers, request));
  }

  private async created<Body>(asked: Promise<Reply<Body>>): Promise<Body> {
    const reply = await asked;
    if (reply.status !== 201) throw new Error(`${reply.status}: ${JSON.stringify(reply.body)}`);
    return reply.body;
  }
}
