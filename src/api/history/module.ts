import { Module } from '@nestjs/common';
import { historyControllers } from './controllers';
import { ObjectEvents } from './object-events';
import { ObjectHistory } from './object-history';
import { SpecChanges } from './spec-changes';

@Module({
  controllers: historyControllers,
  providers: [ObjectEvents, ObjectHistory, SpecChanges],
  exports: [ObjectEvents, ObjectHistory, SpecChanges],
})
export class HistoryModule {}
