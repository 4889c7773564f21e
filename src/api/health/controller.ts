import { Controller, Get, Inject, Res } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiProduces, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { Response } from 'express';
import { z } from 'zod';
import { readinessCheckTimeoutMs } from '../../domain/limits';
import { redact } from '../../domain/redaction';
import type { BreakerState } from '../../telemetry';
import type { ApiDependencies, DependencyHealth } from '../dependencies';
import { apiDependencies } from '../dependencies';
import { Requires } from '../access/requires';
import { Probes, Problems } from '../http/docs';
import { ApiProblem } from '../http/problem';

const healthView = z.object({ status: z.literal('ok') }).meta({ id: 'Health' });
const readinessView = z
  .object({
    status: z.literal('ready'),
    dependencies: z.record(z.string(), z.literal('up')),
    /** `open` keeps calls back, `half-open` is trying whether the server is back. */
    breakers: z.record(z.string(), z.enum(['closed', 'open', 'half-open'])),
    revision: z.string(),
  })
  .meta({ id: 'Readiness' });

/** Whether this server is alive, and whether it can do its work. */
@ApiTags('health')
@Controller()
export class HealthController {
  constructor(@Inject(apiDependencies) private readonly dependencies: ApiDependencies) {}

  @Get('health')
  @Probes({ summary: 'Whether the server is alive', answer: healthView })
  health(): z.output<typeof healthView> {
    return { status: 'ok' };
  }

  @Get('ready')
  @Probes({ summary: 'Whether the server and all it depends on can work', answer: readinessView, problems: ['not_ready'] })
  async ready(): Promise<z.output<typeof readinessView>> {
    const { dependenciesHealth, cache } = this.dependencies;
    const checked = await Promise.all(dependenciesHealth.map(check));
    const watching = cache.revision > 0 && cache.current;
    const down = [...checked.filter(({ error }) => error !== undefined), ...(watching ? [] : [{ name: 'watch cache', error: 'it does not follow etcd' }])];
    const breakers = Object.fromEntries(dependenciesHealth.flatMap(({ name, breaker }) => (breaker ? [[name, breaker.state]] : []))) as Record<string, BreakerState>;
    if (down.length > 0) throw notReady(down, breakers);
    return { status: 'ready', breakers, dependencies: Object.fromEntries(checked.map(({ name }) => [name, 'up' as const])), revision: String(cache.revision) };
  }

  @Get('metrics')
  @Requires('metrics:read')
  @ApiBearerAuth('token')
  @Problems('unauthenticated', 'forbidden', 'rate_limited', 'too_many_requests_in_flight')
  @ApiOperation({ summary: 'What the server counts of itself, for Prometheus' })
  @ApiProduces('text/plain')
  @ApiResponse({ status: 200, description: 'Done.', schema: { type: 'string' } })
  async metrics(@Res() response: Response): Promise<void> {
    const { metrics } = this.dependencies;
    response.set('content-type', metrics.contentType).send(await metrics.text());
  }
}

interface Checked {
  readonly name: string;
  readonly error?: string;
}

async function check(dependency: DependencyHealth): Promise<Checked> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${readinessCheckTimeoutMs} ms`)), readinessCheckTimeoutMs);
  });
  try {
    await Promise.race([dependency.check(), late]);
    return { name: dependency.name };
  } catch (error) {
    return { name: dependency.name, error: redact(error instanceof Error ? error.message : String(error)) };
  } finally {
    clearTimeout(timer);
  }
}

function notReady(down: readonly Checked[], breakers: Readonly<Record<string, BreakerState>>): ApiProblem {
  const names = down.map(({ name }) => name);
  return new ApiProblem('not_ready', `down: ${names.join(', ')}`, { members: { down: names, breakers }, cause: new Error(down.map(({ name, error }) => `${name}: ${error}`).join('; ')) });
}
