import type { LoggerService } from '@nestjs/common';
import type { Logger } from 'pino';

/** Hands what NestJS says on to our log; what it says about its own starting is of interest to its developers only. */
export class NestLog implements LoggerService {
  constructor(private readonly logger: Logger) {}

  log(message: unknown): void {
    this.logger.debug(String(message));
  }

  warn(message: unknown): void {
    this.logger.warn(String(message));
  }

  error(message: unknown, ...details: unknown[]): void {
    this.logger.error({ details: details.map(String) }, String(message));
  }
}
