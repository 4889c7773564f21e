import type { ArtifactFacts, DefinitionPhase } from '../../src/domain/definition';
import { activateDefinition, admitDefinition, deleteDefinition, deprecateDefinition } from '../../src/domain/definition-admission';
import { asking, at, definitionBody } from '../support/domain-objects';

const artifact: ArtifactFacts = { sha256: 'ab', bytes: 10, nodeCount: 2, ports: [] };
const moves = {
  ACTIVE: (view: ReturnType<typeof viewIn>) => activateDefinition(view, artifact, asking(1_000)),
  DEPRECATED: (view: ReturnType<typeof viewIn>) => deprecateDefinition(view, asking(1_000)),
  DELETED: (view: ReturnType<typeof viewIn>) => deleteDefinition(view, asking(1_000)),
};
const phases: readonly DefinitionPhase[] = ['PENDING_SYNC', 'ACTIVE', 'DEPRECATED', 'DELETED'];
const allowed = ['PENDING_SYNC → ACTIVE', 'PENDING_SYNC → DELETED', 'ACTIVE → DEPRECATED', 'DEPRECATED → DELETED'];

function viewIn(phase: DefinitionPhase) {
  const { spec, status } = admitDefinition(definitionBody, 'hash', asking(0, 'd-1'));
  return { spec: { ...spec, sequence: 4 }, status: { ...status, phase } };
}

describe('a new definition version', () => {
  it('is ACTIVE at once without an artifact', () => {
    expect(admitDefinition(definitionBody, 'hash', asking(0, 'd-1'))).toMatchObject({ spec: { id: 'd-1', contentHash: 'hash', version: '1.0.0' }, status: { phase: 'ACTIVE' } });
  });

  it('waits for its artifact', () => {
    const reference = { uri: 'file:lab.yaml', format: 'cml' as const, path: 'lab.yaml' };
    const { spec, status } = admitDefinition({ ...definitionBody, artifact: reference }, 'hash', asking(0, 'd-1'));
    expect(spec.artifact).toEqual(reference);
    expect(status.phase).toBe('PENDING_SYNC');
  });
});

describe('the phases of a definition version', () => {
  const cells = phases.flatMap((from) => (Object.keys(moves) as Array<keyof typeof moves>).map((to) => [from, to] as const));

  it.each(cells)('%s → %s', (from, to) => {
    const view = viewIn(from);
    const outcome = moves[to](view);
    if (from === to) expect(outcome).toEqual({ kind: 'unchanged' });
    else if (allowed.includes(`${from} → ${to}`)) {
      expect(outcome).toMatchObject({ kind: 'admitted', spec: { phase: to, sequence: 5, updatedAt: at(1_000) } });
    } else expect(outcome).toMatchObject({ kind: 'refused', refusal: { code: 'invalid_transition', detail: { phase: from } } });
  });

  it('keeps what was learnt from the artifact', () => {
    expect(moves.ACTIVE(viewIn('PENDING_SYNC'))).toMatchObject({ spec: { artifact } });
    expect(deprecateDefinition({ ...viewIn('ACTIVE'), status: { ...viewIn('ACTIVE').status, artifact } }, asking(1_000))).toMatchObject({ spec: { artifact } });
  });
});
