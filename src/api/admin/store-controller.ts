import { Controller, Get, Inject, Post, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { RequestContext } from '../http/context';
import { Context } from '../http/context';
import { Operates, ReadsOnly } from '../http/docs';
import type { ReadQuery } from '../http/queries';
import { readQuery } from '../http/queries';
import type { CompactQuery, MaintainedDocument, StoreDocument } from './store';
import { compactQuery, maintainedView, Store, storeView } from './store';

/** `/api/v1/admin/store`: the room in etcd. */
@ApiTags('administration')
@Controller('api/v1/admin/store')
export class StoreController {
  constructor(@Inject(Store) private readonly store: Store) {}

  @Get()
  @ReadsOnly({ scope: 'store:read', summary: 'How full etcd is, and with what', answer: storeView, consistency: 'read-your-writes', problems: ['store_unmanaged'] })
  show(@Query({ schema: readQuery }) query: ReadQuery): Promise<StoreDocument> {
    return this.store.show(query);
  }

  @Post('compact')
  @Operates({
    scope: 'store:maintain',
    summary: 'Forget history',
    description: 'Watches and streams that are further behind list everything anew.',
    answer: maintainedView,
    problems: ['revision_unknown', 'store_unmanaged'],
  })
  compact(@Query({ schema: compactQuery }) query: CompactQuery, @Context() context: RequestContext): Promise<MaintainedDocument> {
    return this.store.compact(query, context);
  }

  @Post('defragment')
  @Operates({ scope: 'store:maintain', summary: 'Give free pages back', description: 'A member answers nobody meanwhile, which may be seconds; one follows the other.', answer: maintainedView, problems: ['store_unmanaged'] })
  defragment(@Context() context: RequestContext): Promise<MaintainedDocument> {
    return this.store.defragment(context);
  }

  @Post('disarm')
  @Operates({ scope: 'store:maintain', summary: 'Take the alarm of a full store back', answer: maintainedView, problems: ['store_unmanaged'] })
  disarm(@Context() context: RequestContext): Promise<MaintainedDocument> {
    return this.store.disarm(context);
  }
}
