import { Module } from '@nestjs/common';
import { DefinitionActs } from './act-on-definition';
import { DefinitionActivation } from './activation';
import { DefinitionsController } from './controller';
import { DefinitionCreation } from './create-definition';
import { Definitions } from './definitions';
import { DefinitionLookup } from './lookup';

@Module({
  controllers: [DefinitionsController],
  providers: [Definitions, DefinitionCreation, DefinitionActs, DefinitionActivation, DefinitionLookup],
  exports: [DefinitionLookup],
})
export class DefinitionsModule {}
