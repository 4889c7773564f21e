import { oneOf } from '../documents/schema';

/** Kinds of object, by the names of their routes. */
export const objectKind = oneOf(['instances', 'workers', 'definitions', 'worker-templates']);
export type ObjectKind = 'instances' | 'workers' | 'definitions' | 'worker-templates';

/** Those that have a lifecycle. */
export const lifecycleKind = oneOf(['instances', 'workers']);
export type LifecycleObjectKind = 'instances' | 'workers';
