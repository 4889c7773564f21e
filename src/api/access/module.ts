import { Module } from '@nestjs/common';
import { HistoryModule } from '../history/module';
import { AccessHeads } from './heads';
import { Homes } from './homes';

/** What the resources of access share. */
@Module({ imports: [HistoryModule], providers: [AccessHeads, Homes], exports: [AccessHeads, Homes] })
export class AccessModule {}
