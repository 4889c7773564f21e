import { Ownership } from '../../src/agent/ownership';

const never = new AbortController().signal;

describe('Ownership', () => {
  test('one allocation at a time, the next when it lets go', async () => {
    const ownership = new Ownership();
    await ownership.acquire('i', 'a', never);
    await ownership.acquire('i', 'a', never);
    await ownership.acquire('other', 'b', never);
    expect(ownership.claim('i', 'b')).toBe(false);

    const order: string[] = [];
    const waiting = ['b', 'c'].map((id) => ownership.acquire('i', id, never).then(() => order.push(id)));
    ownership.release('i', 'b'); // Not its to release.
    await Promise.resolve();
    expect(order).toEqual([]);
    ownership.release('i', 'a');
    await waiting[0];
    expect(ownership.owns('i', 'b')).toBe(true);
    expect(order).toEqual(['b']);
    ownership.release('i', 'b');
    await waiting[1];
    expect(order).toEqual(['b', 'c']);
  });

  test('who waits may be interrupted', async () => {
    const ownership = new Ownership();
    ownership.claim('i', 'a');
    const abort = new AbortController();
    const waiting = ownership.acquire('i', 'b', abort.signal);
    abort.abort(new Error('newer entry'));
    await expect(waiting).rejects.toThrow('newer entry');
    expect(ownership.owns('i', 'a')).toBe(true);
  });
});
