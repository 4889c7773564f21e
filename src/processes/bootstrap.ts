import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { AdmissionContext } from '../domain/admission';
import { changedHeader } from '../domain/admission';
import { admitPrincipal, admitToken } from '../domain/access-admission';
import { administrator } from '../domain/granting';
import { mintId } from '../api/http/ids';
import { defaultProject, platformOrg } from '../domain/header';
import { bootstrapTokenTtlMs } from '../domain/limits';
import type { PrincipalSpec, TokenSpec } from '../domain/principal';
import { principalDecision } from '../stores/etcd/access-decisions';
import type { EtcdClient, Entry } from '../stores/etcd/client';
import { Committer } from '../stores/etcd/committer';
import { createDecision, unchanged } from '../stores/etcd/decisions';
import type { Decision } from '../stores/etcd/commit';
import { openEpoch } from '../stores/etcd/epoch';
import { keys } from '../stores/etcd/keys';
import { isSecretOf, mintTokenSecret, parseToken } from '../token-secret';

/**
 * A token of the administrator, who is made if there is none yet, and let in again and given back what he may do where that was
 * taken from him: how the first person gets in, and how whoever holds the keys of etcd gets in again, with nobody left to ask.
 * The secret is in the answer and nowhere else.
 */
export async function bootstrapToken(client: EtcdClient, description: string, nowMs = Date.now()): Promise<string> {
  const { epoch } = await openEpoch(client);
  const committer = new Committer(client, () => epoch);
  const principal = await administratorOf(client, committer, nowMs);
  const id = mintId('k', nowMs);
  const { token, hash } = mintTokenSecret(id);
  const spec = admitToken({ principal: principal.id, description, lastsMs: bootstrapTokenTtlMs }, asking(id, nowMs));
  const decision = createDecision({ header: spec, puts: { spec }, eventType: 'berth.token.created' });
  await done(committer, { ...decision, puts: [...decision.puts, { key: keys.tokenHash(id), value: { schemaVersion: 1, hash } }] });
  return token;
}

/** The token that a file holds if it is still good, else a new one, which the file holds then, for its owner's eyes only. */
export async function tokenInFile(client: EtcdClient, file: string, description: string): Promise<string> {
  const held = existsSync(file) ? readFileSync(file, 'utf8').trim() : '';
  if (await isGood(client, held)) return held;
  const token = await bootstrapToken(client, description);
  writeFileSync(file, `${token}\n`, { mode: 0o600 });
  return token;
}

async function isGood(client: EtcdClient, text: string): Promise<boolean> {
  const presented = parseToken(text);
  if (presented === undefined) return false;
  const [spec, hash] = await Promise.all([client.get(keys.tokenSpec(presented.id)), client.get(keys.tokenHash(presented.id))]);
  const { expiresAt, revokedAt } = (spec?.value ?? {}) as Partial<TokenSpec>;
  const isCurrent = expiresAt !== undefined && Date.parse(expiresAt) - Date.now() > bootstrapTokenTtlMs / 2 && revokedAt === undefined;
  return isCurrent && isSecretOf((hash?.value as { readonly hash?: string } | undefined)?.hash, presented.secret);
}

/** Two that come at once make one: the name is claimed by the first. */
async function administratorOf(client: EtcdClient, committer: Committer, nowMs: number): Promise<PrincipalSpec> {
  const claimKey = keys.principalName(platformOrg, administrator);
  const claim = await client.get(claimKey);
  if (claim !== undefined) {
    const restored = await restoredAdministrator(client, committer, (claim.value as { readonly id: string }).id, nowMs);
    return restored ?? administratorOf(client, committer, nowMs);
  }
  const id = mintId('p', nowMs);
  const wanted = { type: 'user', name: administrator, roles: ['platform'], scopes: [] } as const;
  const spec = admitPrincipal(wanted, asking(id, nowMs));
  const decision = createDecision({ header: spec, puts: { spec }, claims: [claimKey], onlyIf: [unchanged(claimKey, claim)], eventType: 'berth.principal.created' });
  const outcome = await committer.commit(decision);
  return outcome.kind === 'done' ? spec : administratorOf(client, committer, nowMs);
}

/** Him as he was made to be; a deletion of his that did not come to its end finds him changed. Undefined when somebody else changed him meanwhile. */
async function restoredAdministrator(client: EtcdClient, committer: Committer, id: string, nowMs: number): Promise<PrincipalSpec | undefined> {
  const entry = (await client.get(keys.principalSpec(id))) as Entry<PrincipalSpec> | undefined;
  if (entry === undefined) return undefined;
  const { deletionRequestedAt, ...value } = entry.value;
  const roles = value.roles.includes('platform') ? value.roles : [...value.roles, 'platform' as const];
  if (!value.disabled && roles === value.roles && deletionRequestedAt === undefined) return value;
  const spec = { ...value, ...changedHeader(value, undefined, asking(id, nowMs)), roles, disabled: false };
  const outcome = await committer.commit(principalDecision(entry, spec, 'updated'));
  return outcome.kind === 'done' ? spec : undefined;
}

async function done(committer: Committer, decision: Decision): Promise<void> {
  const outcome = await committer.commit(decision);
  if (outcome.kind !== 'done') throw new Error(`the administrator's token was not stored: ${outcome.kind}`);
}

function asking(id: string, nowMs: number): AdmissionContext {
  return { nowMs, mintedId: id, owner: { org: platformOrg, project: defaultProject }, cause: { actor: 'bootstrap' } };
}
