import type { CloudEvent } from './events';

type Data = CloudEvent['data'];

/** The shape that the data of a type of event has now, and how the older ones become it. */
interface EventShape {
  /** Written by this program. */
  readonly version: number;
  /** By the version that they start from, each to the next one. */
  readonly upcasters: Readonly<Record<number, (data: Data) => Data>>;
}

const firstShape: EventShape = { version: 1, upcasters: {} };

/** Version 1 told of the parts of a new object by the names of their keys in etcd, so that its status was called `state`. */
const created: EventShape = { version: 2, upcasters: { 1: ({ state, ...rest }) => ({ ...rest, ...(state !== undefined && { status: state }) }) } };

/** What is not listed has its first shape still. */
const shapes: Readonly<Record<string, EventShape>> = {
  'berth.instance.created': created,
  'berth.worker.created': created,
  'berth.definition.created': created,
  'berth.worker-template.created': created,
};

/** The version that this program gives to the data of a type of event. */
export function dataVersionOf(type: string): number {
  return shapeOf(type).version;
}

/**
 * An event as if it had been written today. The record keeps what was written; readers see the newest shape.
 * An event of a newer program is left as it is: its readers take what they know.
 */
export function upcast(event: CloudEvent): CloudEvent {
  const { version, upcasters } = shapeOf(event.type);
  if (event.dataschemaversion >= version) return event;
  let { data } = event;
  for (let from = event.dataschemaversion; from < version; from++) data = upcasters[from]!(data);
  return { ...event, data, dataschemaversion: version };
}

function shapeOf(type: string): EventShape {
  return Object.hasOwn(shapes, type) ? shapes[type]! : firstShape;
}
