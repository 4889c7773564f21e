import { z } from 'zod';
import { formatDurationMs } from '../../domain/duration';
import { descriptionCharactersMax, tokenOverlapMsDefault, tokenOverlapMsMax, tokenTtlMsDefault, tokenTtlMsMax, tokenTtlMsMin } from '../../domain/limits';
import { scopes } from '../../domain/scopes';
import { duration } from '../documents/scalars';
import { prose, section } from '../documents/schema';
import { objectId, pageFields } from '../http/queries';
import type { DeepReadonly } from '../http/views';
import { headerFields, pageOf } from '../http/views';
import { scopeList } from '../principals/schemas';

export const createToken = section({
  principal: objectId.optional().meta({ description: 'Id of whoever it is for; oneself by default.' }),
  description: prose(`text of at most ${descriptionCharactersMax} characters`, descriptionCharactersMax).optional(),
  scopes: scopeList.optional().meta({ description: 'Narrows it to these; all that its principal may do by default, or what the token that asks is narrowed to.' }),
  expiresIn: duration(tokenTtlMsMin, tokenTtlMsMax).optional().meta({ description: `${formatDurationMs(tokenTtlMsDefault)} by default.` }),
}).meta({ id: 'CreateToken' });
export type CreateToken = z.output<typeof createToken>;

export const rotateTokenQuery = section({
  overlap: duration(0, tokenOverlapMsMax)
    .optional()
    .meta({ description: `How long the old token stays good; ${formatDurationMs(tokenOverlapMsDefault)} by default.` }),
});
export type RotateTokenQuery = z.output<typeof rotateTokenQuery>;

export const listTokensQuery = section({ ...pageFields, principal: objectId.optional().meta({ description: 'Those of one principal.' }) });
export type ListTokensQuery = z.output<typeof listTokensQuery>;

const time = z.string().meta({ description: 'ISO 8601.' });

export const tokenView = z
  .object({
    ...headerFields('Token'),
    spec: z.object({
      principal: z.string(),
      description: z.string(),
      scopes: z.array(z.enum(scopes)).optional(),
      expiresAt: time,
      revokedAt: time.optional(),
      replacedBy: z.string().optional().meta({ description: 'Id of the token that takes its place.' }),
    }),
    lastUsedAt: time.optional().meta({ description: 'To within some minutes.' }),
  })
  .meta({ id: 'Token' });
export type TokenView = DeepReadonly<z.output<typeof tokenView>>;

export const newTokenView = tokenView
  .extend({
    secretShown: z.boolean().meta({ description: 'False in the answer to a repeated request: the secret is shown once.' }),
    secret: z.string().optional().meta({ description: 'The token, as it is sent; it is stored nowhere and cannot be shown again.' }),
  })
  .meta({ id: 'NewToken' });
export type NewTokenView = DeepReadonly<z.output<typeof newTokenView>>;

export const tokenPage = pageOf(tokenView, 'TokenPage');
