import type { Caller } from '../src/domain/principal';
import type { Patch, TestBuild } from '../test/faults/harness/test-build';
import { makeTestBuild } from '../test/faults/harness/test-build';

/** What everybody is taken for by a build that asks nobody who he is: the same as whoever the other build lets in. */
const callerVariable = 'BENCH_CALLER';

/**
 * What the front door is made of, taken out, and nothing beside it: ids, the bounds of connections and bodies, and the
 * checks of parameters, bodies and answers stay.
 */
const patches: readonly Patch[] = [
  {
    // No token is read, no principal or org looked at, no rate and no open request counted.
    file: 'api/app.js',
    find: '(0, guard_1.authentication)(app.get(authenticator_1.Authenticator), app.get(agent_authenticator_1.AgentAuthenticator), app.get(request_limits_1.RequestLimits))',
    replace: `((caller) => (request, _response, next) => {
        context_1.admit(request, caller, request.method === 'GET' ? 'instances:read' : 'instances:write');
        next();
      })(((given) => ({ ...given, scopes: new Set(given.scopes) }))(JSON.parse(process.env.${callerVariable})))`,
  },
  {
    // Nobody looks again, before a commit, whether the credential is still good.
    file: 'api/access/standing.js',
    find: 'async require(caller) {',
    replace: 'async require(caller) {\n        return;',
  },
  {
    // No scope is asked for, and nobody looks whose an object is.
    file: 'api/api-module.js',
    find: '{ provide: core_1.APP_GUARD, useClass: guard_1.AccessGuard },',
    replace: '',
  },
  {
    // What is new belongs to whom it names; nobody looks whether there is such an org and project.
    file: 'api/new-owners.js',
    find: 'async ofNew(caller, named) {',
    replace: "async ofNew(caller, named) {\n        return { org: named.org ?? caller.org, project: named.project ?? 'default' };",
  },
  {
    // Neither the heads of org and project are compared, nor is anything charged.
    file: 'api/belonging.js',
    find: 'into(owner, decision, charge) {',
    replace: 'into(owner, decision, charge) {\n        return decision;',
  },
];

/** The same program without its front door. */
export function buildWithoutFrontDoor(directory: string): TestBuild {
  return makeTestBuild({ directory, patches });
}

/** Environment of a process of that build. */
export function takenFor(caller: Omit<Caller, 'scopes'> & { readonly scopes: readonly string[] }): NodeJS.ProcessEnv {
  return { [callerVariable]: JSON.stringify(caller) };
}
