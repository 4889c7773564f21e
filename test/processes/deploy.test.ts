import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { deployFiles } from '../support/deploy-files';

test.each(Object.entries(deployFiles()))('%s says what the code does; test/support/write-deploy-files.ts writes it', (name, text) => {
  expect(readFileSync(join(__dirname, '../..', name), 'utf8')).toBe(text);
});
