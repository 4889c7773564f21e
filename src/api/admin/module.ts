import { Module } from '@nestjs/common';
import { HistoryModule } from '../history/module';
import { AdminController } from './controller';
import { ObjectLog } from './event-log';
import { Invariants } from './invariants';
import { Leaders } from './leaders';
import { Projections } from './projections';
import { Store } from './store';
import { StoreController } from './store-controller';
import { Stuck } from './stuck';

@Module({
  imports: [HistoryModule],
  controllers: [AdminController, StoreController],
  providers: [ObjectLog, Projections, Leaders, Invariants, Stuck, Store],
})
export class AdminModule {}
