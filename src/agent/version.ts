import { readFileSync } from 'node:fs';
import path from 'node:path';

/** The version of the package that this code came with, both from source and compiled. */
export function agentVersion(): string {
  const file = path.join(__dirname, '..', '..', 'package.json');
  const { version } = JSON.parse(readFileSync(file, 'utf8')) as { version: string };
  return version;
}
