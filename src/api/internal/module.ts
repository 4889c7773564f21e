import { Module } from '@nestjs/common';
import { AgentAuthenticator } from './agent-authenticator';
import { AgentController } from './controller';
import { Observations } from './observations';
import { AgentRegistration } from './registration';
import { WorkloadsController } from './workloads-controller';

@Module({ controllers: [AgentController, WorkloadsController], providers: [AgentAuthenticator, AgentRegistration, Observations] })
export class InternalModule {}
