/** What was typed cannot be meant; ends the command with code 2. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'UsageError';
  }
}

/** A check was made and found something; it is printed already, and ends the command with code 1. */
export class FoundSomething extends Error {
  constructor() {
    super('the check found something');
    this.name = 'FoundSomething';
  }
}
