import { admitPrincipal, admitToken } from '../../src/domain/access-admission';
import { callerBy } from '../../src/domain/caller';
import { asking } from '../support/domain-objects';

const principal = admitPrincipal({ type: 'user', name: 'mia', roles: ['developer'], scopes: [] }, asking(0, 'p-1'));
const tokenOf = (scopes?: readonly ['instances:read']) => admitToken({ principal: 'p-1', description: '', lastsMs: 60_000, ...(scopes && { scopes }) }, asking(0, 'k-1'));

test('a caller says what his token is narrowed to, so that whatever he makes by it can be as narrow without another look', () => {
  expect(callerBy({ token: tokenOf(['instances:read']), principal, org: undefined }, 'k-1', 0)).toMatchObject({ narrowedTo: ['instances:read'] });
  expect(callerBy({ token: tokenOf(), principal, org: undefined }, 'k-1', 0)).not.toHaveProperty('narrowedTo');
  expect(callerBy({ principal, org: undefined }, 'oidc', 0)).not.toHaveProperty('narrowedTo');
});
