import { Module } from '@nestjs/common';
import { AccessModule } from '../access/module';
import { TokenChanges } from './change-token';
import { TokensController } from './controller';
import { Tokens } from './tokens';

@Module({ imports: [AccessModule], controllers: [TokensController], providers: [Tokens, TokenChanges] })
export class TokensModule {}
