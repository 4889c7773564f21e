import { Module } from '@nestjs/common';
import { DefinitionActs } from './act-on-definition';
import { DefinitionActivation } from './activation';
import { DefinitionsController } from './controller';
import { DefinitionCreation } from './create-definition';
import { Definitions } from './definitions';
import { DefinitionLookup } from './lookup';
import { DefinitionSync } from './sync-definition';

@Module({
  controllers: [DefinitionsController],
  providers: [Definitions, DefinitionCreation, DefinitionActs, DefinitionSync, DefinitionActivation, DefinitionLookup],
  exports: [DefinitionLookup],
})
export class DefinitionsModule {}
