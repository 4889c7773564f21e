import { z } from 'zod';
import { componentsMax, nameCharactersMax, observationsPerRequestMax } from '../../domain/limits';
import { cutMessage } from '../../domain/status';
import { objectId } from '../http/queries';

/**
 * What agents send; the contracts are in domain/plan.ts. Unknown fields are passed over here: an agent may be newer
 * than the server that it speaks to. Texts are cut, not refused, for an observation must always be recorded.
 */
const message = z.string().transform(cutMessage);
const shortText = z.string().min(1).max(255);
const port = z.int().min(1).max(65_535);
const hostPorts = z.array(port).max(65_535);

export const registerRequest = z
  .object({ hostname: shortText, agentVersion: shortText, address: shortText, hostPorts })
  .meta({ id: 'RegisterRequest' });

export const registerResponse = z
  .object({
    leaseId: z.string(),
    leaseTtlMs: z.int(),
    heartbeatIntervalMs: z.int(),
    portRange: z.object({ from: z.int(), to: z.int() }),
  })
  .meta({ id: 'RegisterResponse' });

export const heartbeatRequest = z.object({ leaseId: z.string().regex(/^-?\d{1,20}$/) }).meta({ id: 'HeartbeatRequest' });

const componentObservation = z.object({
  state: z.enum(['starting', 'ready', 'running', 'exited', 'failed', 'stopped']),
  exitCode: z.int().optional(),
  signal: shortText.optional(),
  message: message.optional(),
});

const failure = z.object({ class: z.enum(['transient', 'configuration', 'resource', 'host']), reason: shortText, message });

const observation = z.object({
  instanceId: objectId,
  allocationId: objectId,
  attempt: z.int().min(0),
  planRevision: z.string().regex(/^\d{1,19}$/),
  state: z.enum(['starting', 'running', 'failed', 'exited', 'stopped', 'absent']),
  components: z
    .record(z.string().max(nameCharactersMax), componentObservation)
    .refine((components) => Object.keys(components).length <= componentsMax, { error: `at most ${componentsMax} components` }),
  failure: failure.optional(),
  observedAt: shortText,
});

export const observationsRequest = z
  .object({ observations: z.array(observation).max(observationsPerRequestMax), hostPorts: hostPorts.optional() })
  .meta({ id: 'ObservationsRequest' });

export const observationsResponse = z
  .object({ results: z.array(z.object({ allocationId: z.string(), result: z.enum(['recorded', 'superseded']) })) })
  .meta({ id: 'ObservationsResponse' });

export const workloadHash = z.string().regex(/^[0-9a-f]{64}$/);
