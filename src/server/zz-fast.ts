// For the tests of this room: an API server over a store in memory, with all shared objects frozen.
import { silentLog } from '../base/log.ts';
import { seededRandom } from '../base/random.ts';
import { VirtualClock } from '../base/virtual-clock.ts';
import { kinds as allKinds } from '../api/kinds/index.ts';
import type { Kind, UserInfo } from '../api/kind.ts';
import type { NodeServices } from '../api/node-service.ts';
import type { ApiRequest, ResourceName } from '../api/request.ts';
import { createMemoryStore } from '../store/memory/memory-store.ts';
import type { Store } from '../store/store.ts';
import type { Admission } from './admission/admission.ts';
import type { Authorize } from './auth/access.ts';
import { createAuthenticator } from './auth/authenticate.ts';
import { createAuthorizer } from './auth/authorize.ts';
import { createServiceAccountTokens, createSigningKey } from './auth/service-account-tokens.ts';
import { createApiServer, type ApiServer } from './server.ts';
import { createStreams } from './streams/upgrade.ts';

export const admin: UserInfo = { username: 'admin', groups: ['system:masters', 'system:authenticated'] };
/** With these there are no default roles, nor other objects of the server's own, and the first write is revision 1. */
const ownGroups = new Set(['rbac.authorization.k8s.io', 'flowcontrol.apiserver.k8s.io', 'apiregistration.k8s.io']);
export const kindsWithoutRoles = allKinds.filter(({ group }) => !ownGroups.has(group));
export const never = new AbortController().signal;

export interface TestServer extends AsyncDisposable {
  readonly server: ApiServer;
  readonly store: Store;
  readonly clock: VirtualClock;
  /** As admin, with the namespace `default` there already. */
  call<T = any>(verb: ApiRequest['verb'], resource: ResourceName, rest?: Partial<ApiRequest>): Promise<T>;
}

export interface TestServerOptions {
  readonly store?: Store;
  readonly kinds?: readonly Kind[];
  readonly admission?: readonly Admission[];
  readonly nodes?: NodeServices;
  readonly serviceRanges?: readonly string[];
  readonly authorize?: Authorize;
  readonly maxRequestsInFlight?: number;
  /** Of what is left to chance: a server that goes on with another's store needs another one. */
  readonly seed?: number;
}

export async function startFastServer({ store = createMemoryStore(), kinds = allKinds, admission = [], nodes = () => undefined, serviceRanges = ['10.96.0.0/24'], authorize = createAuthorizer(), maxRequestsInFlight, seed = 1 }: TestServerOptions = {}): Promise<TestServer> {
  const clock = new VirtualClock();
  const server = await createApiServer(
    {
      store, kinds, clock, random: seededRandom(seed), log: silentLog, nodes, admission,
      authenticate: createAuthenticator({ tokens: new Map([['secret', admin], ['weak', { username: 'weak', groups: [] }]]) }),
      authorize,
      serviceAccountTokens: createServiceAccountTokens({ signingKeyPem: createSigningKey(), clock }),
      streams: createStreams({ clock }),
      serviceRanges,
      nodePortRange: { first: 30000, last: 30010 },
      version: 'v1.36.0',
      maxRequestsInFlight,
      freeze: false,
    },
    never,
  );
  const transport = server.transport(admin);
  return {
    server,
    store,
    clock,
    call: (verb, { group, version, plural }, rest = {}) => transport.call({ verb, resource: { group, version, plural }, options: {}, ...rest }, never),
    [Symbol.asyncDispose]: async () => {
      await server.close();
      await store.close();
    },
  };
}
