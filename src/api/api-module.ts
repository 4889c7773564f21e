import type { DynamicModule } from '@nestjs/common';
import { Global, Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { AccessWatch } from './access/access-watch';
import { AccessGuard } from './access/guard';
import { Authenticator } from './access/authenticator';
import { OidcCallers } from './access/oidc-callers';
import { ObjectOwners } from './access/owners';
import { Standing } from './access/standing';
import { TokenUses } from './access/token-uses';
import { AdminModule } from './admin/module';
import { Archive } from './archive';
import { Belonging } from './belonging';
import { AuditModule } from './audit/module';
import { DefinitionsModule } from './definitions/module';
import type { ApiDependencies } from './dependencies';
import { apiDependencies } from './dependencies';
import { EventsModule } from './events/module';
import { HealthModule } from './health/module';
import { HistoryModule } from './history/module';
import { Admission } from './http/admission';
import { Reads } from './http/reads';
import { StrayQueryGuard } from './http/stray-query';
import { NewOwners } from './new-owners';
import { InstancesModule } from './instances/module';
import { InternalModule } from './internal/module';
import { OrgsModule } from './orgs/module';
import { ProjectsModule } from './projects/module';
import { RequestLimits } from './limits/request-limits';
import { QuotaModule } from './quota/module';
import { PrincipalsModule } from './principals/module';
import { StoreRoom } from './store-room';
import { TemplatesModule } from './templates/module';
import { TimelineModule } from './timeline/module';
import { TokensModule } from './tokens/module';
import { WorkersModule } from './workers/module';

/** What every resource uses. */
@Global()
@Module({
  providers: [
    AccessWatch,
    Admission,
    Archive,
    Authenticator,
    Belonging,
    NewOwners,
    ObjectOwners,
    OidcCallers,
    Reads,
    RequestLimits,
    Standing,
    StoreRoom,
    TokenUses,
    { provide: APP_GUARD, useClass: AccessGuard },
    { provide: APP_GUARD, useClass: StrayQueryGuard },
  ],
  exports: [AccessWatch, Admission, Archive, Authenticator, Belonging, NewOwners, ObjectOwners, Reads, RequestLimits, Standing],
})
class SharedModule {
  static on(dependencies: ApiDependencies): DynamicModule {
    return {
      module: SharedModule,
      providers: [{ provide: apiDependencies, useValue: dependencies }],
      exports: [apiDependencies],
    };
  }
}

/** The whole API: one module a resource. */
@Module({})
export class ApiModule {
  static on(dependencies: ApiDependencies): DynamicModule {
    return {
      module: ApiModule,
      imports: [
        SharedModule.on(dependencies),
        DefinitionsModule,
        InstancesModule,
        TemplatesModule,
        WorkersModule,
        PrincipalsModule,
        TokensModule,
        EventsModule,
        HistoryModule,
        TimelineModule,
        HealthModule,
        InternalModule,
        AdminModule,
        OrgsModule,
        ProjectsModule,
        QuotaModule,
        AuditModule,
      ],
    };
  }
}
