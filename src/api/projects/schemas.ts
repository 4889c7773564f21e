import { z } from 'zod';
import { name } from '../documents/scalars';
import { mergePatch, section } from '../documents/schema';
import { changedFields } from '../history/schemas';
import { ownerFields, ownerOfNew, pageFields } from '../http/queries';
import type { DeepReadonly } from '../http/views';
import { headerFields, pageOf } from '../http/views';
import { newTenantFields, patchedTenantFields, tenantSpecFields } from '../orgs/schemas';

export const createProject = section({ ...newTenantFields, org: ownerOfNew.org }).meta({ id: 'CreateProject' });
export type CreateProject = z.output<typeof createProject>;

export const patchProject = mergePatch(patchedTenantFields).meta({ id: 'PatchProject' });
export type PatchProject = z.output<typeof patchProject>;

export const listProjectsQuery = section({ ...pageFields, org: ownerFields.org, name: name.optional() });
export type ListProjectsQuery = z.output<typeof listProjectsQuery>;

export const projectView = z.object({ ...headerFields('Project'), spec: z.object(tenantSpecFields) }).meta({ id: 'Project' });
export type ProjectView = DeepReadonly<z.output<typeof projectView>>;

export const changedProjectView = projectView.extend(changedFields).meta({ id: 'ChangedProject' });
export type ChangedProjectView = DeepReadonly<z.output<typeof changedProjectView>>;

export const projectPage = pageOf(projectView, 'ProjectPage');
