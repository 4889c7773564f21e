import { Module } from '@nestjs/common';
import { AccessModule } from '../access/module';
import { PrincipalChanges } from './change-principal';
import { PrincipalsController } from './controller';
import { Principals } from './principals';

@Module({ imports: [AccessModule], controllers: [PrincipalsController], providers: [Principals, PrincipalChanges] })
export class PrincipalsModule {}
