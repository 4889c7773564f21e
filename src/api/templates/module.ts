import { Module } from '@nestjs/common';
import { HistoryModule } from '../history/module';
import { TemplatesController } from './controller';
import { TemplateLookup } from './lookup';
import { Templates } from './templates';

@Module({
  imports: [HistoryModule],
  controllers: [TemplatesController],
  providers: [Templates, TemplateLookup],
  exports: [TemplateLookup],
})
export class TemplatesModule {}
