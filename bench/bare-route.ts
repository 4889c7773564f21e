import 'reflect-metadata';
import type { AddressInfo } from 'node:net';
import { Controller, Get, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';

/**
 * A route of NestJS on Express that answers the JSON which it is started with, and does nothing else:
 * `bare-route.ts <json>`. Prints its address. As with ours, Express neither hashes answers nor names itself.
 */
const body = JSON.parse(process.argv[2] ?? '{}') as object;

@Controller('bare')
class BareController {
  @Get(':id')
  show(): object {
    return body;
  }
}

@Module({ controllers: [BareController] })
class BareModule {}

async function main(): Promise<void> {
  const app = await NestFactory.create<NestExpressApplication>(BareModule, { logger: false, bodyParser: false });
  app.disable('x-powered-by');
  app.disable('etag');
  await app.listen(0, '127.0.0.1');
  const { port } = (app.getHttpServer()).address() as AddressInfo;
  process.stdout.write(`http://127.0.0.1:${port}\n`);
}

void main();
