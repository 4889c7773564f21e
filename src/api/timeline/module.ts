import { Module } from '@nestjs/common';
import { HistoryModule } from '../history/module';
import { timelineControllers } from './controllers';
import { Timeline } from './timeline';

@Module({ imports: [HistoryModule], controllers: timelineControllers, providers: [Timeline] })
export class TimelineModule {}
