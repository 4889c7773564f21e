import { Module } from '@nestjs/common';
import { EventsController } from './controller';
import { EventFeed } from './feed';
import { EventStart } from './start';

@Module({ controllers: [EventsController], providers: [EventFeed, EventStart], exports: [EventFeed] })
export class EventsModule {}
