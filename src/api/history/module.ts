import { Module } from '@nestjs/common';
import { historyControllers } from './controllers';
import { ObjectEvents } from './object-events';
import { ObjectHistory } from './object-history';

@Module({
  controllers: historyControllers,
  providers: [ObjectEvents, ObjectHistory],
  exports: [ObjectEvents, ObjectHistory],
})
export class HistoryModule {}
