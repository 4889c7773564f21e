import pino from 'pino';
import { freePorts } from '../../src/processes/embedded/probes';
import { Metrics } from '../../src/processes/metrics';
import { serveMetrics } from '../../src/processes/metrics-listener';

test('a process without HTTP of its own shows its metrics on loopback until it stops', async () => {
  const metrics = new Metrics(pino({ level: 'silent' }));
  metrics.recorded('audit_events', 7, 700);
  const [port] = await freePorts(1);
  const url = `http://127.0.0.1:${port}`;
  const stop = await serveMetrics(metrics, port!);
  try {
    const response = await fetch(`${url}/metrics`);
    expect([response.status, response.headers.get('content-type')]).toEqual([200, metrics.contentType]);
    expect(await response.text()).toContain('berth_record_documents_total{collection="audit_events"} 7');
    expect((await fetch(`${url}/else`)).status).toBe(404);
    await expect(serveMetrics(metrics, port!)).rejects.toThrow(/EADDRINUSE/);
  } finally {
    await stop();
  }
  await expect(fetch(`${url}/metrics`)).rejects.toThrow();
});
