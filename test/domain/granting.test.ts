import { admitPrincipal } from '../../src/domain/access-admission';
import { scopesOf } from '../../src/domain/caller';
import { changePrincipal, closePrincipal, grantOf, refusalOfPrincipal, refusalToGrant } from '../../src/domain/granting';
import { platformOrg } from '../../src/domain/header';
import type { PrincipalSpec } from '../../src/domain/principal';
import type { Role } from '../../src/domain/scopes';
import { platformScopes, roles, scopesOfRole } from '../../src/domain/scopes';
import { asking } from '../support/domain-objects';

const callerOf = (role: Role, org = 'default', projects?: readonly string[]) => ({ org, scopes: new Set(scopesOfRole[role]), ...(projects && { projects }) });
const principalOf = (differences: Partial<PrincipalSpec> = {}): PrincipalSpec => ({ ...admitPrincipal({ type: 'user', name: 'mia', roles: ['developer'], scopes: [] }, asking(0, 'p-1')), ...differences });

test('each role gives itself and those below it, and none above', () => {
  roles.forEach((giver, height) => {
    const given = roles.filter((role) => refusalToGrant(callerOf(giver), { org: 'default', scopes: new Set(scopesOfRole[role]) }) === undefined);
    expect(given).toEqual(roles.slice(0, height + 1));
  });
});

test('to let somebody mightier in again, to confine him less or to name who he is elsewhere is to be him', () => {
  const mighty = principalOf({ roles: ['platform'], disabled: true, projects: ['p-1'] });
  const patches = [{ disabled: false }, { external: { issuer: 'https://a.example', subject: 'x' } }, { projects: null }, { roles: ['platform', 'admin'] as const, disabled: false }];
  for (const patch of patches) expect(changePrincipal(callerOf('admin'), mighty, patch, asking(1_000))).toMatchObject({ kind: 'refused', refusal: { code: 'forbidden' } });
  for (const patch of [{ roles: ['viewer'] as const }, { name: 'other' }, { projects: ['p-1'] }]) {
    expect(changePrincipal(callerOf('admin'), mighty, patch, asking(1_000))).toMatchObject({ kind: 'projects' in patch ? 'unchanged' : 'admitted' });
  }
});

test('what acts on the whole installation is given to nobody of an org, and counts for nothing where somebody of one has it', () => {
  const platform = callerOf('platform', platformOrg);
  for (const wanted of [{ roles: ['platform'] as const }, { scopes: [...platformScopes] }]) {
    expect(refusalOfPrincipal(principalOf(wanted))).toMatchObject({ code: 'forbidden', detail: { scopes: expect.arrayContaining([...platformScopes]) } });
    expect(refusalOfPrincipal(principalOf({ org: platformOrg, ...wanted }))).toBeUndefined();
    expect(changePrincipal(platform, principalOf(), wanted, asking(1_000))).toMatchObject({ kind: 'refused', refusal: { code: 'forbidden' } });
    const had = principalOf(wanted);
    expect([...scopesOf(had)].filter((scope) => platformScopes.has(scope))).toEqual([]);
    expect(changePrincipal(platform, had, { name: 'other' }, asking(1_000))).toMatchObject({ kind: 'admitted' });
  }
});

test('only who has everything calls somebody of the platform administrator, whom the keys of etcd give everything', () => {
  const [admin, platform] = [callerOf('admin', platformOrg), callerOf('platform', platformOrg)];
  const robot = principalOf({ org: platformOrg, name: 'robot' });
  expect(changePrincipal(admin, robot, { name: 'administrator' }, asking(1_000))).toMatchObject({ kind: 'refused', refusal: { code: 'forbidden' } });
  expect(refusalToGrant(admin, grantOf({ ...robot, name: 'administrator' }))).toMatchObject({ code: 'forbidden' });
  expect(changePrincipal(platform, robot, { name: 'administrator' }, asking(1_000))).toMatchObject({ kind: 'admitted' });
  expect(changePrincipal(admin, { ...robot, org: 'default' }, { name: 'administrator' }, asking(1_000))).toMatchObject({ kind: 'admitted' });
});

test('nobody of the platform is confined to projects, which would confine him to nothing', () => {
  const platform = callerOf('platform', platformOrg);
  const free = principalOf({ org: platformOrg });
  expect(refusalOfPrincipal({ ...free, projects: ['p-1'] })).toMatchObject({ kind: 'invalid', code: 'invalid_request', problems: [{ path: 'projects' }] });
  expect(changePrincipal(platform, free, { projects: ['p-1'] }, asking(1_000))).toMatchObject({ kind: 'refused', refusal: { code: 'invalid_request' } });
  // One that an older version confined can be changed, and freed of what had no effect.
  const confined = { ...free, projects: ['p-1'] };
  for (const patch of [{ name: 'other' }, { projects: null }]) expect(changePrincipal(platform, confined, patch, asking(1_000))).toMatchObject({ kind: 'admitted' });
});

test('who is confined gives nothing beyond, and changes nobody who is not', () => {
  const confined = callerOf('admin', 'default', ['p-1']);
  expect(refusalToGrant(confined, { org: 'default', scopes: new Set(), projects: ['p-1', 'p-2'] })).toMatchObject({ code: 'forbidden' });
  expect(refusalToGrant(confined, { org: 'default', scopes: new Set() })).toMatchObject({ code: 'forbidden' });
  expect(refusalToGrant(confined, { org: 'default', scopes: new Set(), projects: ['p-1'] })).toBeUndefined();
  expect(changePrincipal(confined, principalOf(), { disabled: true }, asking(1_000))).toMatchObject({ kind: 'refused' });
  expect(closePrincipal(confined, principalOf(), asking(1_000))).toMatchObject({ kind: 'refused' });
});

test('only those who run Berth give access beyond their own organisation', () => {
  expect(refusalToGrant(callerOf('platform'), { org: platformOrg, scopes: new Set() })).toMatchObject({ code: 'forbidden' });
  expect(refusalToGrant(callerOf('platform', platformOrg), { org: 'o-1', scopes: new Set() })).toBeUndefined();
});

test('a principal that is being deleted changes no more', () => {
  const closed = principalOf({ deletionRequestedAt: '2026-01-01T00:00:00.000Z', disabled: true });
  expect(changePrincipal(callerOf('admin'), closed, { disabled: false }, asking(1_000))).toMatchObject({ kind: 'refused', refusal: { code: 'invalid_transition' } });
  expect(closePrincipal(callerOf('admin'), closed, asking(1_000))).toEqual({ kind: 'unchanged' });
});
