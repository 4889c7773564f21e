import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { planFrameOf } from '../../src/agent/plan-frames';
import { EventStreamParser } from '../../src/client/event-stream';
import { mergePlan, planViewOf } from '../../src/domain/plan-merge';

const previous = join(__dirname, '../previous');

test.each(readdirSync(previous))('the plan that a control plane of version %s streams is merged as it was meant', (version) => {
  const frames = new EventStreamParser(1_000_000).push(readFileSync(join(previous, version, 'plan-stream.txt'), 'utf8')).flatMap((frame) => planFrameOf(frame) ?? []);
  expect(frames.map(({ event }) => event)).toEqual(['snapshot', 'entry', 'removed']);
  let view = planViewOf([]);
  const wanted = frames.map((frame) => {
    ({ view } = mergePlan(view, frame));
    return [...view.known.values()].map((known) => (known.kind === 'entry' ? known.entry.wanted : known.kind));
  });
  expect(wanted).toEqual([['running'], ['stopped'], ['removed']]);
});
