import fc from 'fast-check';
import type { Target } from '../../src/domain/authorization';
import { decide, isVisible, ownerFor, reaches } from '../../src/domain/authorization';
import { platformOrg } from '../../src/domain/header';
import type { Caller } from '../../src/domain/principal';
import { platformScopes, scopes } from '../../src/domain/scopes';

const org = fc.constantFrom(platformOrg, 'default', 'o-1', 'o-2');
const project = fc.constantFrom('default', 'p-1', 'p-2');
const anyTarget: fc.Arbitrary<Target> = fc.record({ kind: fc.constantFrom('Instance', 'Worker', 'WorkerTemplate'), org, project });
const anyConfinement = fc.option(fc.uniqueArray(project, { minLength: 1 }), { nil: undefined });
const anyCaller: fc.Arbitrary<Caller> = fc
  .record({ org, projects: fc.option(fc.uniqueArray(project, { minLength: 1 }), { nil: undefined }), held: fc.subarray([...scopes]) })
  .map(({ org: own, projects, held }) => ({ id: 'p-1', type: 'user', name: 'mia', org: own, ...(projects && { projects }), scopes: new Set(held), credential: 'k-1' }));
const anyScope = fc.constantFrom(...scopes);

test('nobody does what no scope of his stands for', () => {
  fc.assert(
    fc.property(anyCaller, anyScope, fc.option(anyTarget, { nil: undefined }), (caller, scope, target) => {
      if (decide(caller, scope, target).allowed) expect(caller.scopes.has(scope)).toBe(true);
    }),
  );
});

test('what acts on the whole installation is for those who run Berth alone', () => {
  fc.assert(
    fc.property(anyCaller, fc.constantFrom(...platformScopes), (caller, scope) => {
      expect(decide(caller, scope).allowed).toBe(caller.org === platformOrg && caller.scopes.has(scope));
    }),
  );
});

test('what is of another org, or of a project that somebody is kept out of, is not there for him, whatever he may do', () => {
  fc.assert(
    fc.property(anyCaller, anyScope, anyTarget, (caller, scope, target) => {
      fc.pre(caller.org !== platformOrg && target.org !== platformOrg);
      const isOwn = target.org === caller.org && (caller.projects?.includes(target.project) ?? true);
      expect(isVisible(caller, target)).toBe(isOwn);
      if (!isOwn) expect(decide(caller, scope, target)).toEqual({ allowed: false, reason: 'foreign' });
    }),
  );
});

test('whoever is confined to projects acts on those alone who are confined within, whatever project their header names', () => {
  fc.assert(
    fc.property(anyCaller, fc.constantFrom('principals:read', 'principals:write'), fc.constantFrom('Principal', 'Token'), project, anyConfinement, (caller, scope, kind, itsProject, projects) => {
      fc.pre(caller.org !== platformOrg && caller.scopes.has(scope));
      const bounds = caller.projects;
      const isWithin = bounds === undefined || (projects?.every((each) => bounds.includes(each)) ?? false);
      expect(decide(caller, scope, { kind, org: caller.org, project: itsProject, projects })).toEqual(isWithin ? { allowed: true } : { allowed: false, reason: 'foreign' });
    }),
  );
});

test('whoever is confined to projects sees his org, and changes nothing of it', () => {
  fc.assert(
    fc.property(anyCaller, fc.constantFrom('orgs:read', 'orgs:write'), (caller, scope) => {
      fc.pre(caller.org !== platformOrg && caller.scopes.has(scope));
      const isAllowed = scope === 'orgs:read' || caller.projects === undefined;
      expect(decide(caller, scope, { kind: 'Org', org: caller.org, project: 'default' })).toEqual(isAllowed ? { allowed: true } : { allowed: false, reason: 'scope' });
    }),
  );
});

test('of the platform others see workers and templates, and change nothing', () => {
  fc.assert(
    fc.property(anyCaller, anyScope, anyTarget, (caller, scope, target) => {
      fc.pre(caller.org !== platformOrg && target.org === platformOrg);
      expect(isVisible(caller, target)).toBe(target.kind === 'Worker' || target.kind === 'WorkerTemplate');
      if (!scope.endsWith(':read')) expect(decide(caller, scope, target).allowed).toBe(false);
    }),
  );
});

test('whoever runs Berth reaches every org, as far as his scopes go', () => {
  fc.assert(
    fc.property(anyCaller, anyScope, anyTarget, (caller, scope, target) => {
      fc.pre(caller.org === platformOrg);
      expect(decide(caller, scope, target)).toEqual(caller.scopes.has(scope) ? { allowed: true } : { allowed: false, reason: 'scope' });
    }),
  );
});

test('what somebody creates without saying where is his to reach', () => {
  fc.assert(fc.property(anyCaller, (caller) => expect(reaches(caller, ownerFor(caller))).toBe(true)));
});
