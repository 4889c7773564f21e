import { EnvironmentError, readSettings } from '../../src/processes/environment';

const servers = { BERTH_ETCD_ENDPOINTS: 'http://127.0.0.1:2379', BERTH_MONGODB_URI: 'mongodb://127.0.0.1', BERTH_TEMPORAL_ADDRESS: '127.0.0.1:7233' };

test('an issuer is trusted with its audience, over TLS or on this machine', () => {
  expect(readSettings(servers).oidc).toBeUndefined();
  const right = { BERTH_OIDC_ISSUER: 'https://issuer.example', BERTH_OIDC_AUDIENCE: 'berth' };
  expect(readSettings({ ...servers, ...right }).oidc).toEqual({ issuer: 'https://issuer.example', audience: 'berth', jwksUri: undefined });
  expect(readSettings({ ...servers, ...right, BERTH_OIDC_ISSUER: 'http://127.0.0.1:9000' }).oidc).toMatchObject({ issuer: 'http://127.0.0.1:9000' });
  const wrong = [{ BERTH_OIDC_ISSUER: 'http://issuer.example' }, { BERTH_OIDC_ISSUER: 'http://127.0.0.1.example' }, { BERTH_OIDC_AUDIENCE: '' }, { BERTH_OIDC_ISSUER: '' }, { BERTH_OIDC_JWKS_URI: 'http://issuer.example/keys' }];
  for (const difference of wrong) expect(() => readSettings({ ...servers, ...right, ...difference })).toThrow(EnvironmentError);
});
