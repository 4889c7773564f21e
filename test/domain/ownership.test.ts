import fc from 'fast-check';
import { isVisible, reaches } from '../../src/domain/authorization';
import type { Kind } from '../../src/domain/header';
import { kinds } from '../../src/domain/kinds';
import { isOwnedBy, ownOwners, visibleOwners } from '../../src/domain/ownership';
import type { Caller } from '../../src/domain/principal';

const org = fc.constantFrom('platform', 'default', 'o-1', 'o-2');
const project = fc.constantFrom('default', 'j-1', 'j-2');
const owner = fc.record({ org, project });
/** Of principals and tokens more is asked than whose they are. */
const kind = fc.constantFrom(...(Object.keys(kinds) as Kind[]).filter((each) => each !== 'Principal' && each !== 'Token'));
const caller: fc.Arbitrary<Caller> = fc
  .record({ org, projects: fc.option(fc.uniqueArray(project, { maxLength: 2 }), { nil: undefined }) })
  .map(({ org, projects }) => ({ id: 'p-1', type: 'user', name: 'ann', org, ...(projects && { projects }), scopes: new Set(), credential: 'k-1' }));

it('shows in lists exactly what a caller may know of', () => {
  fc.assert(
    fc.property(caller, kind, owner, (caller, kind, owner) => {
      expect(isOwnedBy(visibleOwners(caller, kind), owner)).toBe(isVisible(caller, { kind, ...owner }));
    }),
    { numRuns: 1_000 },
  );
});

it('lets hear exactly of what is the caller’s own', () => {
  fc.assert(fc.property(caller, owner, (caller, owner) => expect(isOwnedBy(ownOwners(caller), owner)).toBe(reaches(caller, owner))), { numRuns: 1_000 });
});

it('narrows to what is asked for, and never widens', () => {
  const asked = fc.record({ org: fc.option(org, { nil: undefined }), project: fc.option(project, { nil: undefined }) });
  fc.assert(
    fc.property(caller, kind, owner, asked, (caller, kind, owner, asked) => {
      const isAsked = (asked.org ?? owner.org) === owner.org && (asked.project ?? owner.project) === owner.project;
      expect(isOwnedBy(visibleOwners(caller, kind, asked), owner)).toBe(isAsked && isVisible(caller, { kind, ...owner }));
    }),
    { numRuns: 1_000 },
  );
});
