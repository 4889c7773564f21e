import { Module } from '@nestjs/common';
import { InstancesModule } from '../instances/module';
import { TemplatesModule } from '../templates/module';
import { WorkerAdmission } from './admit-worker';
import { WorkersController } from './controller';
import { Workers } from './workers';

@Module({
  imports: [InstancesModule, TemplatesModule],
  controllers: [WorkersController],
  providers: [Workers, WorkerAdmission],
})
export class WorkersModule {}
