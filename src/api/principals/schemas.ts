import { z } from 'zod';
import { oidcIssuerCharactersMax, oidcSubjectCharactersMax, principalProjectsMax } from '../../domain/limits';
import { roles, scopes } from '../../domain/scopes';
import { name } from '../documents/scalars';
import { list, mergePatch, oneOf, prose, section, text, trueOrFalse } from '../documents/schema';
import { objectId, pageFields } from '../http/queries';
import type { DeepReadonly } from '../http/views';
import { headerFields, pageOf } from '../http/views';

export const scopeList = list(oneOf(scopes), scopes.length, 'scopes');
const projectList = list(objectId, principalProjectsMax, 'ids of projects').min(1, { error: 'at least one project' });

const issuer = text('the URL of an issuer', new RegExp(`^https?://[\\x21-\\x7e]{1,${oidcIssuerCharactersMax}}$`));
const subject = prose('what the issuer calls them in `sub`', oidcSubjectCharactersMax, { min: 1, lines: false });
const external = section({ issuer, subject }).meta({ description: 'Who it is at the issuer of OIDC tokens, for whoever has principals:link; nobody else can be the same.' });

const fields = {
  name: name.meta({ description: 'Unique in its organisation.' }),
  roles: list(oneOf(roles), roles.length, 'roles').meta({ description: 'Bundles of scopes.' }),
  scopes: scopeList.meta({ description: 'Scopes beside those of the roles.' }),
  projects: projectList.meta({ description: 'Everything is confined to these; the whole organisation where none are named.' }),
  external,
};

export const createPrincipal = section({
  name: fields.name,
  type: oneOf(['user', 'service']).meta({ description: 'A person, or a program that acts for itself.' }),
  roles: fields.roles.optional(),
  scopes: fields.scopes.optional(),
  projects: fields.projects.optional(),
  external: fields.external.optional(),
  org: objectId.optional().meta({ description: 'Id of its organisation, or `platform`; for those who run Berth. Everybody else makes principals of their own.' }),
}).meta({ id: 'CreatePrincipal' });
export type CreatePrincipal = z.output<typeof createPrincipal>;

export const patchPrincipal = mergePatch({
  name: fields.name,
  roles: fields.roles,
  scopes: fields.scopes,
  projects: fields.projects.nullable(),
  external: fields.external.nullable(),
  disabled: trueOrFalse.meta({ description: 'While true nobody gets in as this principal.' }),
}).meta({ id: 'PatchPrincipal' });
export type PatchPrincipal = z.output<typeof patchPrincipal>;

export const listPrincipalsQuery = section({ ...pageFields, org: objectId.optional().meta({ description: 'Those of one organisation.' }) });
export type ListPrincipalsQuery = z.output<typeof listPrincipalsQuery>;

export const principalView = z
  .object({
    ...headerFields('Principal'),
    spec: z.object({
      name: z.string(),
      type: z.enum(['user', 'service']),
      roles: z.array(z.enum(roles)),
      scopes: z.array(z.enum(scopes)),
      projects: z.array(z.string()).optional(),
      external: z.object({ issuer: z.string(), subject: z.string() }).optional(),
      disabled: z.boolean(),
    }),
  })
  .meta({ id: 'Principal' });
export type PrincipalView = DeepReadonly<z.output<typeof principalView>>;

export const principalPage = pageOf(principalView, 'PrincipalPage');
