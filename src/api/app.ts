import type { INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { Authenticator } from './access/authenticator';
import { authentication } from './access/guard';
import { tlsHandshakeTimeoutMs } from '../domain/limits';
import { ApiModule } from './api-module';
import { RefusalLog } from './audit/refusal-log';
import type { ApiDependencies } from './dependencies';
import { accessLog } from './http/access-log';
import { AnsweringAdapter } from './http/answer';
import { bodyReader } from './http/body';
import { chained } from './http/chain';
import { refuseUnusableKey, requestContext } from './http/context';
import { refuseUnclearHeaders } from './http/headers';
import { NestLog } from './http/nest-log';
import { ProblemFilter } from './http/problem-filter';
import { boundServer, cutSlowReaders } from './http/server-bounds';
import { ValidationPipe } from './http/validation';
import { AgentAuthenticator } from './internal/agent-authenticator';
import { RequestLimits } from './limits/request-limits';
import { serveOpenApi } from './openapi';

/** PEM. */
export interface ApiTls {
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** Builds the HTTP API on what it is given; the caller listens. With a certificate it speaks TLS and nothing else. */
export async function createApi(dependencies: ApiDependencies, tls?: ApiTls): Promise<INestApplication> {
  const httpsOptions = tls && { ...tls, handshakeTimeout: tlsHandshakeTimeoutMs };
  const app = await NestFactory.create<NestExpressApplication>(ApiModule.on(dependencies), new AnsweringAdapter(), {
    logger: new NestLog(dependencies.log),
    abortOnError: false,
    bodyParser: false,
    ...(httpsOptions && { httpsOptions }),
    // Streams of plans never end by themselves.
    forceCloseConnections: true,
  });
  app.disable('x-powered-by');
  app.disable('etag'); // Ours are revisions, not hashes of answers.
  const bounds = boundServer(app.getHttpServer(), dependencies.serverBounds);
  const authenticated = authentication(app.get(Authenticator), app.get(AgentAuthenticator), app.get(RequestLimits));
  app.use(chained(requestContext, accessLog(dependencies.log), cutSlowReaders(bounds), refuseUnclearHeaders, authenticated, refuseUnusableKey, bodyReader));
  const routes = serveOpenApi(app);
  app.useGlobalPipes(new ValidationPipe());
  app.useGlobalFilters(new ProblemFilter(dependencies.log, routes, app.get(RefusalLog)));
  await app.init();
  return app;
}
