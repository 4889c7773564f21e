import { Module } from '@nestjs/common';
import { Audit } from './audit';
import { AuditController } from './controller';
import { RefusalLog } from './refusal-log';

@Module({ controllers: [AuditController], providers: [Audit, RefusalLog] })
export class AuditModule {}
