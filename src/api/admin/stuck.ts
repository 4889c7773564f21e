import { Inject, Injectable } from '@nestjs/common';
import { z } from 'zod';
import type { Attention } from '../../domain/attention';
import { instanceAttention, workerAttention } from '../../domain/attention';
import { administrationListMax, nudgeAllMax } from '../../domain/limits';
import { viewOf, workerViewOf } from '../../stores/etcd/views';
import type { ApiDependencies } from '../dependencies';
import { apiDependencies } from '../dependencies';
import type { RequestContext } from '../http/context';
import { loggedRequest } from '../http/access-log';
import type { ReadQuery } from '../http/queries';
import { Reads } from '../http/reads';
import type { DeepReadonly } from '../http/views';
import type { LifecycleObjectKind } from './kinds';

const stuckView = z
  .object({
    kind: z.enum(['instances', 'workers']),
    id: z.string(),
    phase: z.string(),
    reason: z
      .enum(['failed', 'failing', 'timed_out', 'unattended'])
      .meta({ description: 'failed: it has given up; failing or timed_out: it tries on; unattended: something is due and nobody does it.' }),
    step: z.string().optional(),
    since: z.string(),
    message: z.string(),
    advice: z.string().meta({ description: 'What a person may do.' }),
  })
  .meta({ id: 'StuckObject' });
type StuckObject = DeepReadonly<z.output<typeof stuckView>>;

export const stuckList = z
  .object({ items: z.array(stuckView), total: z.int().meta({ description: 'Of which the longest stuck are listed.' }), revision: z.string() })
  .meta({ id: 'StuckObjects' });
export type StuckList = DeepReadonly<z.output<typeof stuckList>>;

export const nudgedView = z
  .object({
    nudged: z.array(z.object({ kind: z.enum(['instances', 'workers']), id: z.string() })).meta({ description: 'Their lifecycles were asked to look; those that did not run are started.' }),
    left: z.int().meta({ description: 'How many were left out, because one request nudges so many.' }),
  })
  .meta({ id: 'Nudged' });
export type NudgedDocument = DeepReadonly<z.output<typeof nudgedView>>;

/** Finds what does not go on by itself, and has its lifecycle look again. */
@Injectable()
export class Stuck {
  constructor(
    @Inject(apiDependencies) private readonly dependencies: ApiDependencies,
    @Inject(Reads) private readonly reads: Reads,
  ) {}

  async list(query: ReadQuery): Promise<StuckList> {
    const revision = await this.reads.upTo(query);
    const found = this.find();
    return { items: found.slice(0, administrationListMax), total: found.length, revision: String(revision) };
  }

  /** A nudge says only "look", so one that was not needed does no harm. Throws ObjectNotFoundError. */
  async nudge(kind: LifecycleObjectKind, id: string, context: RequestContext): Promise<NudgedDocument> {
    const { cached, fresh } = this.dependencies;
    const isKnown = (kind === 'instances' ? cached.instance(id) : cached.worker(id)) !== undefined;
    if (!isKnown) await (kind === 'instances' ? fresh.instance(id) : fresh.worker(id));
    return this.nudgeThese([{ kind, id }], context);
  }

  async nudgeAll(context: RequestContext): Promise<NudgedDocument> {
    await this.reads.upToPresent();
    return this.nudgeThese(this.find(), context);
  }

  private nudgeThese(objects: ReadonlyArray<{ readonly kind: LifecycleObjectKind; readonly id: string }>, context: RequestContext): NudgedDocument {
    const nudged = objects.slice(0, nudgeAllMax).map(({ kind, id }) => ({ kind, id }));
    for (const { kind, id } of nudged) this.dependencies.nudge(kind === 'instances' ? 'Instance' : 'Worker', id);
    this.dependencies.log.info({ principal: context.caller.id, ...loggedRequest(context), nudged: nudged.length }, 'an operator nudged lifecycles');
    return { nudged, left: objects.length - nudged.length };
  }

  /** The longest stuck first. */
  private find(): StuckObject[] {
    const { cached } = this.dependencies;
    const nowMs = Date.now();
    const found = [
      ...cached.instances().flatMap((entries) => shown('instances', entries.id, instanceAttention(viewOf(entries), nowMs))),
      ...cached.workers().flatMap((entries) => shown('workers', entries.id, workerAttention(workerViewOf(entries), nowMs))),
    ];
    return found.sort((one, other) => (one.since < other.since ? -1 : 1));
  }
}

function shown(kind: LifecycleObjectKind, id: string, attention: Attention | undefined): StuckObject[] {
  return attention ? [{ kind, id, ...attention }] : [];
}
