/** Below names of its own, so that nothing of a stack under attack is ever mistaken for somebody's. */
export const faultPrefix = '/faults/';
export const faultDatabase = 'faults';
export const faultTaskQueue = 'faults';
