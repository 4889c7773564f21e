import { Module } from '@nestjs/common';
import { HistoryModule } from '../history/module';
import { InstancesModule } from '../instances/module';
import { TemplatesModule } from '../templates/module';
import { WorkerAdmission } from './admit-worker';
import { WorkerChanges } from './change-worker';
import { WorkersController } from './controller';
import { Workers } from './workers';

@Module({
  imports: [HistoryModule, InstancesModule, TemplatesModule],
  controllers: [WorkersController],
  providers: [Workers, WorkerAdmission, WorkerChanges],
})
export class WorkersModule {}
