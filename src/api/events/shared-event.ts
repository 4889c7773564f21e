import type { EventAttributes } from '../../domain/event-filter';
import { attributesOf } from '../../domain/event-filter';
import type { CloudEvent } from '../../domain/events';
import { toldEvent } from '../../domain/events';
import type { KeptEvent } from '../../stores/etcd/recent-events';

/** An event as all its readers share it: written once, as bytes, whoever reads it. */
export interface SharedEvent extends EventAttributes, KeptEvent {
  /** As a stream sends it. */
  readonly frame: Buffer;
  /** The CloudEvent within the frame. */
  readonly json: Buffer;
}

/** What an event costs beside its frame, about. */
const attributesBytes = 512;

/** Writes an event down for all its readers. */
export function shareEvent(event: CloudEvent): SharedEvent {
  const head = `event: change\nid: ${event.id}\ndata: `;
  const frame = Buffer.from(`${head}${JSON.stringify(toldEvent(event))}\n\n`);
  return { ...attributesOf(event), frame, json: frame.subarray(head.length, -2), bytes: frame.length + attributesBytes };
}
