import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeWhole } from '../../src/recovery/copy-files';

test('a file that cannot be written leaves nothing behind that would stand in the way of the next copy', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'berth-copy-'));
  try {
    mkdirSync(join(directory, 'manifest.json', 'full'), { recursive: true });
    await expect(writeWhole(join(directory, 'manifest.json'), '{}')).rejects.toThrow('manifest.json');
    expect(readdirSync(directory)).toEqual(['manifest.json']);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
