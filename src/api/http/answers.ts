import type { Header } from '../../domain/header';
import type { Entry } from '../../stores/etcd/client';
import { Answer } from './answer';
import { etagOf } from './etag';

/** The answer to a read of one object. */
export function readAnswer<View extends { readonly revision: string }>(view: View, spec: Entry<Header>): Answer<View> {
  return new Answer(view, { ETag: etagOf(spec), 'Berth-Revision': view.revision });
}

/** The answer to a change of one object. */
export function mutationAnswer<View extends { readonly revision: string }>(
  view: View,
  done: { readonly subject: { readonly spec: Entry<Header> }; readonly replayed: boolean; readonly location?: string },
): Answer<View> {
  return new Answer(view, {
    ETag: etagOf(done.subject.spec),
    'Berth-Revision': view.revision,
    ...(done.location !== undefined && { Location: done.location }),
    ...(done.replayed && { 'Idempotency-Replayed': 'true' }),
  });
}

/** The answer to a change of a spec says beside the object what differs. */
export function withChanges<View extends object, Changes extends object>({ body, headers }: Answer<View>, changes: Changes): Answer<View & Changes> {
  return new Answer({ ...body, ...changes }, headers);
}
