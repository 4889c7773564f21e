import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { deployFiles } from './deploy-files';

/** Writes the files of deploy/ that follow from the code. */
for (const [name, text] of Object.entries(deployFiles())) {
  const file = join(__dirname, '../..', name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}
