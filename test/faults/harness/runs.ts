import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** One start of a component, as the component itself saw it. */
export interface RecordedStart {
  readonly instanceId: string;
  readonly pid: number;
  /** An earlier start of the same instance that was still alive then: it ran twice. */
  readonly aliveBefore: number | undefined;
}

/**
 * What components did, told by themselves: each writes down its start, and whether an earlier one of its instance was
 * still alive. That is the only witness that knows nothing of agents, plans and observations.
 */
export class Runs {
  constructor(private readonly directory: string) {
    mkdirSync(directory, { recursive: true });
  }

  /** A component that runs until it is stopped, and ready as soon as it has written itself down. */
  component(differences: Record<string, unknown> = {}): Record<string, unknown> {
    return {
      name: 'main',
      command: ['sh', '-c', script],
      environment: { RUNS: this.directory, INSTANCE: '${BERTH_INSTANCE_ID}' },
      ports: [{ name: 'tcp' }],
      resources: { cpu: '10m', memory: '16Mi', storage: '1Mi' },
      stop: { signal: 'SIGTERM', grace: '2s' },
      ...differences,
    };
  }

  /** Whether the instance's component fails as soon as it is started. */
  failsFor(instanceId: string, fails: boolean): void {
    const path = join(this.directory, `fail-${instanceId}`);
    if (fails) writeFileSync(path, '');
    else rmSync(path, { force: true });
  }

  get starts(): readonly RecordedStart[] {
    const log = join(this.directory, 'starts');
    if (!existsSync(log)) return [];
    const lines = readFileSync(log, 'utf8').split('\n').filter((line) => line !== '');
    return lines.map((line) => {
      const [instanceId = '', pid = '', before = ''] = line.split(' ');
      return { instanceId, pid: Number(pid), aliveBefore: before === '' ? undefined : Number(before) };
    });
  }

  startsOf(instanceId: string): readonly RecordedStart[] {
    return this.starts.filter((start) => start.instanceId === instanceId);
  }

  /** kill -9 of what runs of an instance, all of its process group. */
  kill(instanceId: string): void {
    const last = this.startsOf(instanceId).at(-1);
    if (last && isAlive(last)) process.kill(-last.pid, 'SIGKILL');
  }

  /** Components that still run. */
  get alive(): readonly RecordedStart[] {
    return this.starts.filter(isAlive);
  }
}

/** A line is short enough to be appended as a whole. */
const script = `
[ -e "$RUNS/fail-$INSTANCE" ] && exit 1
before=$(cat "$RUNS/$INSTANCE" 2>/dev/null)
kill -0 "$before" 2>/dev/null || before=
[ -e /proc/self/environ ] && ! grep -qsz "^INSTANCE=$INSTANCE\$" "/proc/$before/environ" && before=
echo $$ > "$RUNS/$INSTANCE"
echo "$INSTANCE $$ $before" >> "$RUNS/starts"
trap 'kill $waiting; exit 0' TERM
sleep 100000 & waiting=$!
wait $waiting
`;

/**
 * Whether it is still the one that wrote itself down: on a busy machine another process soon has the same pid. One that
 * has ended, and that its parent has not collected yet, has no environment any more.
 */
function isAlive({ pid, instanceId }: RecordedStart): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  if (!existsSync('/proc/self/environ')) return true; // This is no Linux.
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(`INSTANCE=${instanceId}`);
  } catch {
    return false; // It was collected meanwhile.
  }
}
