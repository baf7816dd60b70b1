// The API server of a test cluster: it can crash and come back on the same store.
import type { Kind, UserInfo } from '../api/kind.ts';
import { kinds } from '../api/kinds/index.ts';
import type { NodeServices } from '../api/node-service.ts';
import type { Clock } from '../base/clock.ts';
import { systemClock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { simulatedScripts } from '../cluster/simulated-scripts.ts';
import { kubernetesVersion } from '../cluster/version.ts';
import { admissions } from '../server/admission/admissions.ts';
import { createAuthenticator } from '../server/auth/authenticate.ts';
import { createAuthorizer } from '../server/auth/authorize.ts';
import { buildKubeconfig } from '../server/auth/kubeconfig.ts';
import { createServiceAccountTokens } from '../server/auth/service-account-tokens.ts';
import { createApiServer, type ApiServer } from '../server/server.ts';
import { createStreams } from '../server/streams/upgrade.ts';
import type { Store } from '../store/store.ts';
import type { Served } from './component-transport.ts';

export const serviceRange = '10.96.0.0/16';

export interface Identity {
  /** PEM; '' when there is none. */
  readonly authorityPem: string;
  readonly key: string;
  readonly cert: string;
  readonly adminKey: string;
  readonly adminCert: string;
}

export interface ApiComponentOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly nodes: NodeServices;
  readonly freeze: boolean;
  readonly signingKeyPem: string;
  /** Absent: no connections are taken. */
  readonly identity?: Identity;
}

interface Life extends Served {
  readonly api: ApiServer;
  readonly stop: AbortController;
  readonly done: Promise<void>;
  crash(): void;
}

export class ApiComponent {
  readonly #options: ApiComponentOptions;
  #life: Life | undefined;
  #port = 0;

  constructor(options: ApiComponentOptions) {
    this.#options = options;
  }

  get served(): Served | undefined {
    return this.#life;
  }

  get isRunning(): boolean {
    return this.#life !== undefined;
  }

  get kubeconfig(): string | undefined {
    const { identity } = this.#options;
    if (!identity) return undefined;
    const { authorityPem, adminCert: clientCertPem, adminKey: clientKeyPem } = identity;
    return buildKubeconfig({ server: `https://127.0.0.1:${this.#port}`, authorityPem, clientCertPem, clientKeyPem, clusterName: 'peapod-test', userName: 'admin' });
  }

  get port(): number {
    return this.#port || 6443;
  }

  async start(signal: AbortSignal): Promise<void> {
    if (this.#life) return;
    const { store, clock, random, log, nodes, freeze, signingKeyPem, identity } = this.#options;
    const authorize = createAuthorizer();
    const api = await createApiServer(
      {
        store, kinds: kinds as readonly Kind[], clock, random, log, nodes, freeze, authorize,
        authenticate: createAuthenticator({ tokens: new Map() }),
        serviceAccountTokens: createServiceAccountTokens({ signingKeyPem, clock }),
        admission: [...admissions({ clock, random, authorize }), simulatedScripts],
        // The liveness of real connections is real time.
        streams: createStreams({ clock: systemClock }),
        serviceRanges: [serviceRange],
        nodePortRange: { first: 30000, last: 32767 },
        version: kubernetesVersion.gitVersion,
      },
      signal,
    );
    if (identity) this.#port = (await api.listen({ host: '127.0.0.1', port: this.#port, key: identity.key, cert: identity.cert, clientCa: identity.authorityPem })).port;
    const stop = new AbortController();
    const listeners = new Set<() => void>();
    this.#life = {
      api, stop,
      done: api.run(stop.signal).catch(() => {}),
      transport: (user: UserInfo) => api.transport(user),
      onCrash(listener) {
        listeners.add(listener);
        return { [Symbol.dispose]: () => void listeners.delete(listener) };
      },
      crash() {
        for (const listener of listeners) listener();
      },
    };
  }

  /** Connections are lost, and what was asked is not answered; what the store has taken stays. */
  async crash(): Promise<void> {
    const life = this.#life;
    this.#life = undefined;
    if (!life) return;
    life.crash();
    life.stop.abort();
    await life.api.close();
  }
}
