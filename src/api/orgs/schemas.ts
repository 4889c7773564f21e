import { z } from 'zod';
import { displayNameCharactersMax } from '../../domain/limits';
import { name } from '../documents/scalars';
import { mergePatch, prose, section } from '../documents/schema';
import { changedFields } from '../history/schemas';
import { dryRunField, pageFields } from '../http/queries';
import type { DeepReadonly } from '../http/views';
import { headerFields, pageOf } from '../http/views';
import { limitsView, quotaLimits, quotaLimitsPatch } from '../quota/schemas';

const displayName = prose(`text of at most ${displayNameCharactersMax} characters`, displayNameCharactersMax);

/** What orgs and projects are made of, and what of them may be changed. */
export const newTenantFields = {
  name: name.meta({ description: 'Told apart by it.' }),
  displayName: displayName.optional().meta({ description: 'For people; the name when absent.' }),
  quota: quotaLimits.optional().meta({ description: 'What it may hold at a time, for whoever has quotas:write; what is not named is not bounded.' }),
};
export const patchedTenantFields = {
  name,
  displayName,
  quota: quotaLimitsPatch,
};

export const createOrg = section(newTenantFields).meta({ id: 'CreateOrg' });
export type CreateOrg = z.output<typeof createOrg>;

export const patchOrg = mergePatch(patchedTenantFields).meta({ id: 'PatchOrg' });
export type PatchOrg = z.output<typeof patchOrg>;

export const changeTenantQuery = section({ dryRun: dryRunField });
export type ChangeTenantQuery = z.output<typeof changeTenantQuery>;

export const listOrgsQuery = section({ ...pageFields, name: name.optional() });
export type ListOrgsQuery = z.output<typeof listOrgsQuery>;

export const tenantSpecFields = {
  name: z.string(),
  displayName: z.string(),
  closing: z.boolean().meta({ description: 'It is being deleted: nothing new may come to belong to it.' }),
  quota: limitsView.meta({ description: 'What it may hold at a time; what is not named is not bounded.' }),
};

export const orgView = z
  .object({
    ...headerFields('Org'),
    spec: z.object({
      ...tenantSpecFields,
      suspended: z.boolean().meta({ description: 'Nobody of it is let in, and nothing new is admitted into it; what runs, runs on.' }),
    }),
  })
  .meta({ id: 'Org' });
export type OrgView = DeepReadonly<z.output<typeof orgView>>;

export const changedOrgView = orgView.extend(changedFields).meta({ id: 'ChangedOrg' });
export type ChangedOrgView = DeepReadonly<z.output<typeof changedOrgView>>;

export const orgPage = pageOf(orgView, 'OrgPage');
