import { Inject, Injectable } from '@nestjs/common';
import { z } from 'zod';
import type { JudgedFinding, WorkerRepair } from '../../domain/ledger-repair';
import { planRepair } from '../../domain/ledger-repair';
import type { QuotaRepair } from '../../domain/quota-audit';
import { planQuotaRepair } from '../../domain/quota-audit';
import { administrationListMax } from '../../domain/limits';
import { isoTime } from '../../domain/status';
import { ledgerOf, quotasOf } from '../../stores/etcd/ledger-state';
import type { Everything } from '../../stores/etcd/objects';
import { ledgerRepairDecision, quotaRepairDecision } from '../../stores/etcd/repair-decisions';
import type { ApiDependencies } from '../dependencies';
import { apiDependencies } from '../dependencies';
import { oneOf, section } from '../documents/schema';
import type { RequestContext } from '../http/context';
import { causeOf } from '../http/context';
import { loggedRequest } from '../http/access-log';
import type { ReadQuery } from '../http/queries';
import { problemOf } from '../http/problem-of';
import { Reads } from '../http/reads';
import type { DeepReadonly } from '../http/views';

export const repairQuery = section({
  dryRun: oneOf(['true', 'false']).optional().meta({ description: 'true by default: only say what would be written.' }),
});
export type RepairQuery = z.output<typeof repairQuery>;

const auditFields = {
  instances: z.int(),
  workers: z.int(),
  findings: z.array(
    z
      .object({
        code: z.string(),
        object: z.string().meta({ description: 'The key that is wrong.' }),
        message: z.string(),
        repairable: z.boolean().meta({ description: 'Whether a repair mends it; else a person has to decide.' }),
        remedy: z.string().meta({ description: 'What the repair does, or what a person may do.' }),
      })
      .meta({ id: 'LedgerFinding' }),
  ),
  findingsTotal: z.int().meta({ description: 'Of which the first are listed.' }),
};

export const invariantsView = z.object({ ...auditFields, revision: z.string() }).meta({ id: 'Invariants' });
export type InvariantsDocument = DeepReadonly<z.output<typeof invariantsView>>;

export const repairView = z
  .object({
    dryRun: z.boolean(),
    repairs: z.array(
      z.object({
        worker: z.string().optional().meta({ description: 'Whose ledger it is; absent for a quota.' }),
        writes: z.array(z.string()).meta({ description: 'Keys that are written anew.' }),
        removes: z.array(z.string()).meta({ description: 'Keys that are taken away.' }),
        outcome: z.enum(['planned', 'done', 'changed', 'failed']).meta({ description: 'changed: somebody was faster and nothing was written; ask again. failed: see the reason.' }),
        reason: z.string().optional(),
        revision: z.string().optional().meta({ description: 'Of the commit.' }),
      }),
    ),
    ...auditFields,
    revision: z.string().meta({ description: 'At which the findings were made: for a repair, after it.' }),
  })
  .meta({ id: 'Repair' });
export type RepairDocument = DeepReadonly<z.output<typeof repairView>>;
type RepairOutcome = RepairDocument['repairs'][number];

/** What one commit writes anew: the ledger of a worker, or what an org or a project holds. */
type AnyRepair = WorkerRepair | QuotaRepair;

interface Plan {
  readonly findings: readonly JudgedFinding[];
  readonly repairs: readonly AnyRepair[];
}

/** Proves the ledger and the quotas on demand, and mends of them what follows from allocations and specs alone. */
@Injectable()
export class Invariants {
  constructor(
    @Inject(apiDependencies) private readonly dependencies: ApiDependencies,
    @Inject(Reads) private readonly reads: Reads,
  ) {}

  async check(query: ReadQuery): Promise<InvariantsDocument> {
    await this.reads.upTo(query);
    const state = await this.dependencies.fresh.everything();
    return audited(state, planOf(state));
  }

  /** Each worker and each quota is mended by a commit of its own, so that one which others are busy with keeps nobody waiting. */
  async repair(query: RepairQuery, context: RequestContext): Promise<RepairDocument> {
    const dryRun = query.dryRun !== 'false';
    const state = await this.dependencies.fresh.everything();
    const plan = planOf(state);
    if (dryRun) return { dryRun, repairs: plan.repairs.map((repair) => ({ ...written(repair), outcome: 'planned' })), ...audited(state, plan) };
    const repairs: RepairOutcome[] = [];
    for (const repair of plan.repairs) repairs.push(await this.commit(repair, state, context).catch((error: unknown) => this.failed(repair, error, context)));
    return { dryRun, repairs, ...(await this.check({})) };
  }

  /** What was repaired before stays told, and what comes after is tried. */
  private failed(repair: AnyRepair, error: unknown, context: RequestContext): RepairOutcome {
    this.dependencies.log.warn({ ...loggedRequest(context), err: error, ...written(repair) }, 'a ledger was not repaired');
    return { ...written(repair), outcome: 'failed', reason: problemOf(error).message };
  }

  private commit(repair: AnyRepair, state: Everything, context: RequestContext): Promise<RepairOutcome> {
    return 'workerId' in repair ? this.commitLedger(repair, state, context) : this.commitQuota(repair, state, context);
  }

  private async commitQuota(repair: QuotaRepair, state: Everything, context: RequestContext): Promise<RepairOutcome> {
    const former = state.quotas.get(repair.key);
    const outcome = await this.dependencies.committer.commit(quotaRepairDecision(repair, former));
    if (outcome.kind !== 'done') return { ...written(repair), outcome: 'changed' };
    this.dependencies.log.warn({ ...loggedRequest(context), key: repair.key, before: former?.value.used, after: repair.used }, 'a quota was repaired');
    return { ...written(repair), outcome: 'done', revision: String(outcome.revision) };
  }

  private async commitLedger(repair: WorkerRepair, state: Everything, context: RequestContext): Promise<RepairOutcome> {
    const worker = state.workers.find(({ id }) => id === repair.workerId)!;
    const instances = new Map(state.instances.map((entries) => [entries.id, entries]));
    const decision = ledgerRepairDecision(worker, instances, repair, { cause: causeOf(context), time: isoTime(Date.now()) });
    const outcome = await this.dependencies.committer.commit(decision);
    if (outcome.kind !== 'done') return { ...written(repair), outcome: 'changed' };
    this.dependencies.nudge('Worker', repair.workerId);
    return { ...written(repair), outcome: 'done', revision: String(outcome.revision) };
  }
}

function planOf(state: Everything): Plan {
  const [ledger, quotas] = [planRepair(ledgerOf(state)), planQuotaRepair(quotasOf(state))];
  return { findings: [...ledger.findings, ...quotas.findings], repairs: [...ledger.repairs, ...quotas.repairs] };
}

function audited(state: Everything, { findings }: Plan): InvariantsDocument {
  return {
    instances: state.instances.length,
    workers: state.workers.length,
    findings: findings.slice(0, administrationListMax).map((finding) => ({ ...finding })),
    findingsTotal: findings.length,
    revision: String(state.revision),
  };
}

function written(repair: AnyRepair): Pick<RepairOutcome, 'worker' | 'writes' | 'removes'> {
  if (!('workerId' in repair)) return { writes: [repair.key], removes: [] };
  const { workerId, capacity, ports, putPlan, removePlan } = repair;
  const entry = (allocationId: string) => `workers/${workerId}/plan/${allocationId}`;
  return {
    worker: workerId,
    writes: [...(capacity ? [`workers/${workerId}/capacity`] : []), ...(ports ? [`workers/${workerId}/ports`] : []), ...putPlan.map(({ allocationId }) => entry(allocationId))],
    removes: removePlan.map(entry),
  };
}
