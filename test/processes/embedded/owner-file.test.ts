import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { claimOwnership, readOwner, releaseOwnership } from '../../../src/processes/embedded/owner-file';
import { identityOf, ownIdentity } from '../../../src/processes/embedded/process-identity';
import { cleanUp, node, printed, temporaryDirectory, typescript } from './support';

afterEach(cleanUp);

test('what nobody owns is claimed, and given up again', () => {
  const file = join(temporaryDirectory(), 'owner.json');
  expect(claimOwnership(file)).toBeUndefined();
  expect(readOwner(file)).toEqual(ownIdentity());
  releaseOwnership(file);
  expect(claimOwnership(file)).toBeUndefined();
});

test('a living owner keeps it', async () => {
  const directory = temporaryDirectory();
  const file = join(directory, 'owner.json');
  const other = node('setInterval(() => {}, 1000); console.log("up")');
  await printed(other, 'up');
  const owner = identityOf(other.pid);
  writeFileSync(file, JSON.stringify(owner));
  expect(claimOwnership(file)).toEqual(owner);
  expect(readOwner(file)).toEqual(owner);
  expect(readdirSync(directory)).toEqual(['owner.json']);
});

test.each([
  ['a dead owner', JSON.stringify({ pid: 4_000_000, startTime: 'x' })],
  ['a later process with the same pid', JSON.stringify({ ...ownIdentity(), startTime: 'earlier' })],
  ['half a file', '{"pid":1'],
])('%s loses it', (_, content) => {
  const directory = temporaryDirectory();
  const file = join(directory, 'owner.json');
  writeFileSync(file, content);
  expect(claimOwnership(file)).toBeUndefined();
  expect(readOwner(file)).toEqual(ownIdentity());
  expect(readdirSync(directory)).toEqual(['owner.json']);
});

test('of processes that race for a dead owner’s file one wins', async () => {
  const directory = temporaryDirectory();
  const file = join(directory, 'owner.json');
  writeFileSync(file, JSON.stringify({ pid: 4_000_000, startTime: 'x' }));
  const startAt = String(Date.now() + 2_500);
  const racers = Array.from({ length: 4 }, () => typescript('claim.fixture.ts', [file, startAt]));
  const outcomes = await Promise.all(racers.map((racer) => printed(racer, '\n')));
  expect(outcomes.filter((outcome) => outcome.includes('claimed'))).toHaveLength(1);
  expect(outcomes.filter((outcome) => outcome.includes('refused'))).toHaveLength(3);
  const winner = racers[outcomes.findIndex((outcome) => outcome.includes('claimed'))];
  expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ pid: winner?.pid });
}, 20_000);
