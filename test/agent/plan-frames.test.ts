import { planFrameOf } from '../../src/agent/plan-frames';

const entry = {
  schemaVersion: 1,
  allocationId: 'a-1',
  instanceId: 'i_2.x',
  attempt: 1,
  wanted: 'running',
  workloadHash: 'ab'.repeat(32),
  revision: '17',
};

describe('planFrameOf', () => {
  test('reads what the control plane sends, unknown fields included', () => {
    const data = { ...entry, futureField: true };
    expect(planFrameOf({ event: 'entry', data: JSON.stringify(data) })).toEqual({ event: 'entry', data });
    const snapshot = { revision: '18', entries: [entry] };
    expect(planFrameOf({ event: 'snapshot', data: JSON.stringify(snapshot) })).toEqual({ event: 'snapshot', data: snapshot });
    const removed = { allocationId: 'a-1', revision: '19' };
    expect(planFrameOf({ event: 'removed', data: JSON.stringify(removed) })).toEqual({ event: 'removed', data: removed });
  });

  test('reads the epochs of a store that was restored', () => {
    const epochs = { epoch: 2, firstRevision: '90', history: [{ epoch: 1, lastGoodRevision: '17' }] };
    const snapshot = { epoch: 2, epochs, revision: '98', entries: [{ ...entry, epoch: 2 }] };
    expect(planFrameOf({ event: 'snapshot', data: JSON.stringify(snapshot) })).toEqual({ event: 'snapshot', data: snapshot });
    const removed = { allocationId: 'a-1', epoch: 2, revision: '99' };
    expect(planFrameOf({ event: 'removed', data: JSON.stringify(removed) })).toEqual({ event: 'removed', data: removed });
    for (const bad of [{ epoch: 0 }, { epoch: '2' }, { epochs: {} }, { epochs: { epoch: 2, history: [{ epoch: 1 }] } }, { epochs: { epoch: 2, history: {} } }]) {
      expect(() => planFrameOf({ event: 'snapshot', data: JSON.stringify({ ...snapshot, ...bad }) })).toThrow(TypeError);
    }
  });

  test('does not know every event', () => {
    expect(planFrameOf({ event: 'praise', data: 'not even JSON' })).toBeUndefined();
  });

  test.each<[string, object]>([
    ['an id that leaves the directory', { allocationId: '..' }],
    ['an id with a separator', { instanceId: 'a/b' }],
    ['an empty id', { instanceId: '' }],
    ['no id', { instanceId: undefined }],
    ['a hash that is none', { workloadHash: '../../etc/passwd' }],
    ['a wish that is unknown', { wanted: 'dancing' }],
    ['an attempt that is no number', { attempt: '1' }],
    ['a negative attempt', { attempt: -1 }],
    ['a revision that is a number', { revision: 17 }],
    ['a revision that is no number', { revision: 'x' }],
    ['an epoch that is no number', { epoch: 'x' }],
  ])('%s is refused, alone and in a snapshot', (_name, change) => {
    const bad = { ...entry, ...change };
    expect(() => planFrameOf({ event: 'entry', data: JSON.stringify(bad) })).toThrow(TypeError);
    expect(() => planFrameOf({ event: 'snapshot', data: JSON.stringify({ revision: '20', entries: [entry, bad] }) })).toThrow(TypeError);
  });
});
