import { Module } from '@nestjs/common';
import { HistoryModule } from '../history/module';
import { OrgsController } from './controller';
import { Orgs } from './orgs';
import { TenantRemoval } from './removal';
import { TenantHeads } from './tenant-heads';
import { OrgViews } from './view';

@Module({
  imports: [HistoryModule],
  controllers: [OrgsController],
  providers: [Orgs, OrgViews, TenantHeads, TenantRemoval],
  exports: [TenantHeads, TenantRemoval],
})
export class OrgsModule {}
