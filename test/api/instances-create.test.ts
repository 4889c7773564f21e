import type { DefinitionView } from '../../src/api/definitions/api-schemas';
import type { InstanceDocument } from '../../src/api/instances/schemas';
import { TestApi } from './support/test-api';

const document = { name: 'web', version: '1.0.0', components: [{ name: 'web', runtime: 'noop', ports: [{ name: 'http' }] }] };

let api: TestApi;
beforeAll(async () => {
  api = await TestApi.start();
});
afterAll(() => api.stop());

test('smoke', async () => {
  const d = await api.client.post<DefinitionView>('/api/v1/definitions', document);
  console.log(JSON.stringify(d.body, null, 1), [...d.headers]);
  const i = await api.client.post<InstanceDocument>('/api/v1/instances', { definition: { name: 'web', version: '1.0.0' } });
  console.log(JSON.stringify(i.body, null, 1), [...i.headers]);
  const t = await api.client.post('/api/v1/worker-templates', { name: 'small', provider: 'local', capacity: { cpu: 4, memory: '4Gi', storage: '20Gi' } });
  console.log(JSON.stringify(t.body, null, 1));
  const w = await api.client.post('/api/v1/workers', { template: 'small' });
  console.log(JSON.stringify(w.body, null, 1));
  for (const p of ['/openapi.json','/ready','/health','/docs', '/api/v1/instances', '/api/v1/instances/x', '/api/v1/instances?foo=1', '/nowhere']) {
    const r = await api.client.get(p); console.log(p, r.status, JSON.stringify(r.body).slice(0, 1500));
  }
  console.log(await api.client.request('PUT','/api/v1/instances', undefined, {}), api.nudges);
  for (let k=0;k<3;k++) { const t0=performance.now(); for (let n=0;n<30;n++) await api.client.post<InstanceDocument>('/api/v1/instances', { definition: { name: 'web', version: '1.0.0' } }); console.log('ms per POST', (performance.now()-t0)/30); }
});
