import { Module } from '@nestjs/common';
import { QuotaController } from './controller';
import { Quotas } from './quotas';

@Module({ controllers: [QuotaController], providers: [Quotas] })
export class QuotaModule {}
