/**
 * At most one allocation of an instance uses the instance's directory at a time. An instance may come back to a host
 * in a new allocation while the former is still being removed there.
 */
export class Ownership {
  private readonly owners = new Map<string, string>();
  private readonly waiting = new Set<() => void>();

  /** Makes an allocation the owner unless another one is. */
  claim(instanceId: string, allocationId: string): boolean {
    const owner = this.owners.get(instanceId) ?? allocationId;
    this.owners.set(instanceId, owner);
    return owner === allocationId;
  }

  /** Waits until the allocation is the owner; rejects with the signal's reason. */
  async acquire(instanceId: string, allocationId: string, signal: AbortSignal): Promise<void> {
    while (!this.claim(instanceId, allocationId)) {
      await this.nextRelease(signal);
      signal.throwIfAborted();
    }
  }

  owns(instanceId: string, allocationId: string): boolean {
    return this.owners.get(instanceId) === allocationId;
  }

  release(instanceId: string, allocationId: string): void {
    if (this.owners.get(instanceId) !== allocationId) return;
    this.owners.delete(instanceId);
    for (const wake of this.waiting) wake();
  }

  private nextRelease(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.waiting.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.waiting.add(wake);
      signal.addEventListener('abort', wake, { once: true });
    });
  }
}
