import { Module } from '@nestjs/common';
import { DefinitionsModule } from '../definitions/module';
import { HistoryModule } from '../history/module';
import { InstanceActs } from './act-on-instance';
import { InstanceChanges } from './change-instance';
import { InstancesController } from './controller';
import { InstanceCreation } from './create-instance';
import { Events } from './events';
import { Instances } from './instances';
import { Placeability } from './placeability';

@Module({
  imports: [DefinitionsModule, HistoryModule],
  controllers: [InstancesController],
  providers: [Instances, InstanceCreation, InstanceActs, InstanceChanges, Events, Placeability],
  exports: [Instances],
})
export class InstancesModule {}
