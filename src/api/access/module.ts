import { Module } from '@nestjs/common';
import { HistoryModule } from '../history/module';
import { AccessHeads } from './heads';

/** What the resources of access share. */
@Module({ imports: [HistoryModule], providers: [AccessHeads], exports: [AccessHeads] })
export class AccessModule {}
