import { Module } from '@nestjs/common';
import { AgentController } from './controller';
import { Observations } from './observations';
import { AgentRegistration } from './registration';

@Module({ controllers: [AgentController], providers: [AgentRegistration, Observations] })
export class InternalModule {}
