import { Module } from '@nestjs/common';
import { TemplatesController } from './controller';
import { TemplateLookup } from './lookup';
import { Templates } from './templates';

@Module({
  controllers: [TemplatesController],
  providers: [Templates, TemplateLookup],
  exports: [TemplateLookup],
})
export class TemplatesModule {}
