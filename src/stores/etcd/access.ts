import type { ChannelOptions } from '@grpc/grpc-js';
import { noop } from 'cockatiel';
import type { IOptions } from 'etcd3';
import { Etcd3 } from 'etcd3';
import { etcdAuthenticationTimeoutMs } from '../../domain/limits';
import { tokenInterceptor } from './token-interceptor';

/** Who a process is to etcd, and how it knows that it speaks to etcd. */
export interface EtcdAccess {
  readonly user?: { readonly name: string; readonly password: string };
  readonly tls?: EtcdTls;
}

/** PEM. Without `ca` the authorities of the system are trusted; `cert` and `key` are what etcd may ask of a client. */
export interface EtcdTls {
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
}

/** What etcd3 is told of it, for all its services, and how to have the next call authenticate anew. */
export interface Authentication {
  readonly options: Pick<IOptions, 'credentials' | 'grpcOptions'>;
  /** For what etcd refuses within a stream. */
  readonly forget: () => void;
  readonly close: () => void;
}

/**
 * Authenticates each call, streams included. etcd3 can do so as well, but goes on with a token for ever that only streams
 * are refused with, takes an old token for a mistake of the caller, and leaves a connection behind for each new one.
 */
export function authentication(endpoints: readonly string[], { user, tls }: EtcdAccess): Authentication {
  const secured = credentialsOf(tls);
  if (user === undefined) return { options: secured, forget: () => undefined, close: () => undefined };
  const asker = new Etcd3({
    ...secured,
    hosts: [...endpoints],
    faultHandling: { global: noop, host: () => noop },
    defaultCallOptions: () => ({ deadline: Date.now() + etcdAuthenticationTimeoutMs }),
  });
  const { interceptor, forget } = tokenInterceptor(() => askToken(asker, user));
  // etcd3 hands its options to the clients of grpc-js, whose options are more than those of a channel.
  const grpcOptions = { interceptors: [interceptor] } as unknown as ChannelOptions;
  return { options: { ...secured, grpcOptions }, forget, close: () => asker.close() };
}

/** Undefined where etcd asks nobody who they are: what was set up for later keeps nobody from working now. */
async function askToken(asker: Etcd3, { name, password }: NonNullable<EtcdAccess['user']>): Promise<string | undefined> {
  try {
    return (await asker.auth.authenticate({ name, password })).token;
  } catch (error) {
    if (error instanceof Error && error.message.includes('authentication is not enabled')) return undefined;
    throw error;
  }
}

function credentialsOf(tls: EtcdTls | undefined): Pick<IOptions, 'credentials'> {
  if (tls === undefined) return {};
  const { ca, cert, key } = tls;
  // Its type asks for an authority, where grpc-js goes by those of the system without one.
  return { credentials: { ...(ca && { rootCertificate: ca }), ...(key && { privateKey: key }), ...(cert && { certChain: cert }) } as NonNullable<IOptions['credentials']> };
}
