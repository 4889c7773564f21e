import fc from 'fast-check';
import { claimCapacity, emptyCapacity, releaseCapacity } from '../../src/domain/capacity';
import type { Resources } from '../../src/domain/definition';
import type { WorkerCapacity } from '../../src/domain/worker';

const declared: Resources = { cpuMillicores: 4000, memoryMib: 4096, storageMib: 10_000 };

function resources(cpuMillicores: number, memoryMib: number, storageMib: number): Resources {
  return { cpuMillicores, memoryMib, storageMib };
}

function claimed(capacity: WorkerCapacity, ...claims: readonly Resources[]): WorkerCapacity {
  return claims.reduce((current, claim) => {
    const outcome = claimCapacity(current, claim, 4);
    if ('refused' in outcome) throw new Error(outcome.refused.message);
    return outcome.value;
  }, capacity);
}

const amount = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 2000 }));
const claims = fc.record({ cpuMillicores: amount, memoryMib: amount, storageMib: amount });

describe('claiming capacity', () => {
  it('adds up what instances hold', () => {
    const capacity = claimed(emptyCapacity(declared), resources(500, 1000, 1), resources(1, 24, 2));
    expect(capacity).toEqual({ schemaVersion: 1, declared, allocated: resources(501, 1024, 3), instances: 2 });
  });

  it.each([
    [resources(0, 3097, 0), 'NotEnoughMemory', 'needs 3097 MiB of memory, 3096 MiB of 4096 MiB are free', 'memoryMib', 4096, 1000],
    [resources(0, 0, 9001), 'NotEnoughStorage', 'needs 9001 MiB of storage, 9000 MiB of 10000 MiB are free', 'storageMib', 10_000, 1000],
    [
      resources(15_001, 0, 0),
      'NotEnoughCpu',
      'needs 15001 millicores of CPU, 15000 millicores of 16000 millicores are free',
      'cpuMillicores',
      16_000,
      1000,
    ],
  ])('refuses %j', (claim, code, message, dimension, limit, allocated) => {
    const requested = Math.max(claim.cpuMillicores, claim.memoryMib, claim.storageMib);
    const outcome = claimCapacity(claimed(emptyCapacity(declared), resources(1000, 1000, 1000)), claim, 4);
    expect(outcome).toEqual({ refused: { code, message, dimension, limit, allocated, requested } });
  });

  it('takes the last bit of everything', () => {
    const full = claimed(emptyCapacity(declared), resources(16_000, 4096, 10_000));
    expect(full.instances).toBe(1);
    expect(claimCapacity(full, resources(0, 1, 0), 4)).toMatchObject({ refused: { code: 'NotEnoughMemory' } });
  });

  it('refuses nobody who asks for nothing of what is overdrawn', () => {
    const shrunk = { ...claimed(emptyCapacity(declared), resources(0, 4096, 0)), declared: resources(4000, 1024, 0) };
    expect(claimCapacity(shrunk, resources(100, 0, 0), 4)).toHaveProperty('value');
    expect(claimCapacity(shrunk, resources(100, 1, 0), 4)).toMatchObject({
      refused: { message: 'needs 1 MiB of memory, 0 MiB of 1024 MiB are free' },
    });
  });

  it.each([-1, 0.5, Number.NaN, Infinity])('stops at the broken amount %d, which would mint capacity', (memoryMib) => {
    expect(() => claimCapacity(emptyCapacity(declared), resources(0, memoryMib, 0), 4)).toThrow(RangeError);
    expect(() => releaseCapacity(emptyCapacity(declared), resources(0, memoryMib, 0))).toThrow(RangeError);
  });

  it('never promises more than the limits, for any sequence of claims and releases, and returns to empty', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), claims)), fc.constantFrom(1, 1.5, 4), (moves, cpuRatio) => {
        let capacity = emptyCapacity(declared);
        const held: Resources[] = [];
        for (const [claim, asked] of moves) {
          const released = claim ? undefined : held.pop();
          const outcome = claim ? claimCapacity(capacity, asked, cpuRatio) : released && releaseCapacity(capacity, released);
          if (!outcome || 'refused' in outcome) continue;
          capacity = outcome.value;
          if (claim) held.push(asked);
          expect(capacity.allocated.memoryMib).toBeLessThanOrEqual(declared.memoryMib);
          expect(capacity.allocated.storageMib).toBeLessThanOrEqual(declared.storageMib);
          expect(capacity.allocated.cpuMillicores).toBeLessThanOrEqual(declared.cpuMillicores * cpuRatio);
          expect(capacity.instances).toBe(held.length);
        }
        for (const release of held) {
          const outcome = releaseCapacity(capacity, release);
          if ('value' in outcome) capacity = outcome.value;
        }
        expect(capacity).toEqual(emptyCapacity(declared));
      }),
    );
  });
});

describe('releasing capacity', () => {
  it.each([
    ['memoryMib', resources(1, 11, 1), '11 of memoryMib are to be released, but only 10 are held', 10, 11],
    ['storageMib', resources(1, 1, 12), '12 of storageMib are to be released, but only 10 are held', 10, 12],
    ['cpuMillicores', resources(13, 1, 1), '13 of cpuMillicores are to be released, but only 10 are held', 10, 13],
  ])('refuses to go below zero in %s', (dimension, release, message, allocated, released) => {
    const capacity = claimed(emptyCapacity(declared), resources(10, 10, 10));
    expect(releaseCapacity(capacity, release)).toEqual({
      refused: { code: 'CapacityNotHeld', message, dimension, allocated, released },
    });
  });

  it('refuses to release an instance that is not there, even one that holds nothing', () => {
    expect(releaseCapacity(emptyCapacity(declared), resources(0, 0, 0))).toMatchObject({
      refused: { dimension: 'instances', message: '1 of instances are to be released, but only 0 are held' },
    });
  });
});
