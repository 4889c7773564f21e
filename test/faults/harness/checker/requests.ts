import type { Call } from '../history';

/** What a client asked for, whatever number of attempts it took. */
export interface ClientRequest {
  /** Of the event that admitting it makes, such as `berth.instance.stop-requested`. */
  readonly eventType: string;
  readonly collection: string;
  readonly verb: string;
  /** Undefined for what is to be created. */
  readonly objectId: string | undefined;
  readonly idempotencyKey: string | undefined;
  readonly calls: readonly Call[];
}

const kinds: Readonly<Record<string, string>> = {
  instances: 'instance',
  workers: 'worker',
  definitions: 'definition',
  'worker-templates': 'worker-template',
};

/** The requests that change something; calls under one idempotency key at one route are attempts at one request. */
export function requestsOf(calls: readonly Call[]): ClientRequest[] {
  const requests = new Map<string, ClientRequest>();
  for (const call of calls) {
    const route = routeOf(call);
    if (!route) continue;
    const { idempotencyKey } = call;
    const scope = idempotencyKey === undefined ? call.id : `${route.eventType} ${route.objectId} ${idempotencyKey}`;
    const earlier = requests.get(scope);
    requests.set(scope, { ...route, idempotencyKey, calls: [...(earlier?.calls ?? []), call] });
  }
  return [...requests.values()];
}

function routeOf({ method, path }: Call): Omit<ClientRequest, 'calls' | 'idempotencyKey'> | undefined {
  const [collection = '', objectId, act] = path.replace(/^\/api\/v1/, '').split('?')[0]!.split('/').filter((part) => part !== '');
  const kind = kinds[collection];
  const verb = verbOf(method, collection, objectId, act);
  if (kind === undefined || verb === undefined) return undefined;
  return { collection, verb, objectId, eventType: `berth.${kind}.${eventNames[verb] ?? `${verb}-requested`}` };
}

function verbOf(method: string, collection: string, objectId: string | undefined, act: string | undefined): string | undefined {
  if (method === 'POST') return objectId === undefined ? 'create' : act;
  if (method !== 'DELETE') return undefined;
  return collection === 'definitions' ? 'delete' : 'terminate';
}

/** Events that are not named for the request. */
const eventNames: Readonly<Record<string, string>> = { create: 'created', deprecate: 'deprecated', delete: 'deleted' };

/** The end of a call as far as a promise hangs on it. */
export type Verdict =
  /** It was done; the answer shows the object, where it was not only a wait that failed. */
  | { readonly kind: 'acknowledged'; readonly shown: ShownObject | undefined }
  /** It was not done. */
  | { readonly kind: 'refused'; readonly code: string }
  /** It may have been done, or be done yet. */
  | { readonly kind: 'unknown' };

/** An object as a mutation answers it. */
export interface ShownObject {
  readonly id: string;
  readonly revision: string;
  readonly generation: number;
}

/** The change was made, only the phase waited for did not come. */
const doneAllTheSame = ['wait_timeout', 'wait_impossible'];
/** Another request has the key: says nothing of what this one asked for. */
const saysNothing = ['idempotency_key_reuse'];

export function verdictOf({ outcome }: Call): Verdict {
  if (!outcome || 'error' in outcome) return { kind: 'unknown' };
  const { status, body } = outcome;
  if (status >= 200 && status < 300) return { kind: 'acknowledged', shown: body as ShownObject };
  const code = (body as { code?: string } | undefined)?.code ?? '';
  if (doneAllTheSame.includes(code)) return { kind: 'acknowledged', shown: undefined };
  const isRefusal = status >= 400 && status < 500 && status !== 429 && !saysNothing.includes(code);
  return isRefusal ? { kind: 'refused', code } : { kind: 'unknown' };
}
