import type { Kind } from './header';

/** How a kind of object is called, where it lies, and by what its events are named. */
interface KindNames {
  /** In messages and problem codes: `template_not_found`. */
  readonly name: string;
  /** In types of events: `berth.worker-template.created`. */
  readonly eventName: string;
  /** First part of its keys in etcd. */
  readonly collection: string;
}

/** Every kind of object that has a head in etcd. */
export const kinds = {
  Instance: { name: 'instance', eventName: 'instance', collection: 'instances' },
  Worker: { name: 'worker', eventName: 'worker', collection: 'workers' },
  Definition: { name: 'definition', eventName: 'definition', collection: 'definitions' },
  WorkerTemplate: { name: 'template', eventName: 'worker-template', collection: 'templates' },
  Org: { name: 'org', eventName: 'org', collection: 'orgs' },
  Project: { name: 'project', eventName: 'project', collection: 'projects' },
  Principal: { name: 'principal', eventName: 'principal', collection: 'principals' },
  Token: { name: 'token', eventName: 'token', collection: 'tokens' },
} as const satisfies Record<Kind, KindNames>;

export type Collection = (typeof kinds)[Kind]['collection'];

/** The kind whose objects lie in a collection; undefined where other things do. */
export function kindIn(collection: string): Kind | undefined {
  return (Object.keys(kinds) as Kind[]).find((kind) => kinds[kind].collection === collection);
}
