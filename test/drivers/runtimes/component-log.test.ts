import { closeSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync, writeSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { componentLogBytesMax, outputTailCharactersMax } from '../../../src/domain/limits';
import { ComponentLog } from '../../../src/drivers/runtimes/component-log';

let directory: string;
let file: string;
let log: ComponentLog;
beforeEach(() => {
  directory = mkdtempSync(path.join(os.tmpdir(), 'berth-log-'));
  file = path.join(directory, 'logs/main.log');
  log = new ComponentLog(file);
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function write(text: string): void {
  const descriptor = log.begin();
  writeSync(descriptor, text);
  closeSync(descriptor);
}

test('the tail is the last lines, cut to its bound, of the newest log only', () => {
  expect(log.tail()).toBe('');
  write('first attempt\n');
  write('');
  expect(log.tail()).toBe('');
  expect(readFileSync(file.replace('.log', '.previous.log'), 'utf8')).toBe('first attempt\n');
  write(`${'x'.repeat(5_000)}\nlast words\n\n`);
  expect(log.tail()).toHaveLength(outputTailCharactersMax);
  expect(log.tail()).toMatch(/x\nlast words$/);
});

test('a tail that begins within a character has a whole one in its place', () => {
  write(`😀${'x'.repeat(outputTailCharactersMax - 1)}`);
  expect(log.tail()).toBe(`\u{FFFD}${'x'.repeat(outputTailCharactersMax - 1)}`);
});

test('a log beyond its bound is begun anew, and its writer goes on', async () => {
  const descriptor = log.begin();
  writeSync(descriptor, 'x'.repeat(componentLogBytesMax));
  await log.bound();
  expect(statSync(file).size).toBe(componentLogBytesMax);
  writeSync(descriptor, 'y');
  await log.bound();
  writeSync(descriptor, 'z');
  closeSync(descriptor);
  expect(readFileSync(file, 'utf8')).toBe('z');
  expect(statSync(file.replace('.log', '.previous.log')).size).toBe(componentLogBytesMax + 1);
});

test('a link that an instance puts in place of its log is not followed', () => {
  const outside = path.join(directory, 'outside');
  writeFileSync(outside, 'untouched');
  write('');
  rmSync(file);
  symlinkSync(outside, file);
  write('mine');
  expect(readFileSync(outside, 'utf8')).toBe('untouched');
});
