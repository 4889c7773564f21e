import type { Answer, LifecycleStep } from '../../../src/domain/answer';

type Shown = Partial<Omit<Answer, 'next'>>;

/** Answers an activity may give; what people see of the object can be said, and is else of no interest. */
export function run(step: LifecycleStep, shown: Shown = {}, attempt = 1): Answer {
  return answer({ kind: 'run', step, attempt }, shown);
}

export function wait(shown: Shown & { readonly untilMs?: number } = {}): Answer {
  const { untilMs, ...rest } = shown;
  return answer({ kind: 'wait', ...(untilMs !== undefined && { untilMs }) }, rest);
}

export function close(shown: Shown = {}): Answer {
  return answer({ kind: 'close' }, shown);
}

function answer(next: Answer['next'], shown: Shown): Answer {
  return { visible: false, revision: 1, phase: 'PENDING', org: 'default', stuck: false, sentence: 'it is as it is', ...shown, next };
}
