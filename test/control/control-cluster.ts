// An API server over a memory store, with scheduler and controllers, in process; nodes and their kubelet are played.
import { deployments, kinds, namespaces, nodes, pods, replicaSets } from '../../src/api/kinds/index.ts';
import type { Kind, Resource } from '../../src/api/kind.ts';
import { isBeingDeleted } from '../../src/api/meta.ts';
import type { NodeServices } from '../../src/api/node-service.ts';
import type { KubeObject, Node, Pod } from '../../src/api/types.ts';
import { formatTime, systemClock, type Clock } from '../../src/base/clock.ts';
import { createLog, silentLog } from '../../src/base/log.ts';
import { VirtualClock } from '../../src/base/virtual-clock.ts';
import { seededRandom, systemRandom } from '../../src/base/random.ts';
import { Client, keyOf } from '../../src/client/client.ts';
import { createSharedInformers, type SharedInformers } from '../../src/client/shared-informers.ts';
import { createControllers } from '../../src/controllers/create-controllers.ts';
import { createScheduler } from '../../src/scheduler/scheduler.ts';
import type { AuditLog } from '../../src/server/audit/audit-log.ts';
import type { Admission } from '../../src/server/admission/admission.ts';
import type { Authenticate } from '../../src/server/auth/access.ts';
import type { KeyedCertificate } from '../../src/server/auth/certificates.ts';
import { createAuthorizer, identities } from '../../src/server/auth/authorize.ts';
import { createServiceAccountTokens, createSigningKey } from '../../src/server/auth/service-account-tokens.ts';
import type { Components } from '../../src/server/component-statuses.ts';
import { createApiServer, type ApiServer } from '../../src/server/server.ts';
import { createStreams } from '../../src/server/streams/upgrade.ts';
import { createMemoryStore } from '../../src/store/memory/memory-store.ts';

export const clock = systemClock;

export interface ControlCluster extends AsyncDisposable {
  readonly server: ApiServer;
  readonly client: Client;
  readonly informers: SharedInformers;
  readonly signal: AbortSignal;
  addNode(name: string, more?: Partial<{ spec: object; labels: Record<string, string>; allocatable: Record<string, string> }>): Promise<Node>;
  /** Resolves with what `look` gives once that is something; looks again whenever anything it can see changes. */
  until<T>(what: string, look: () => T | undefined | false): Promise<T>;
  podsOf(labels: Record<string, string>): readonly Pod[];
}

export interface ControlClusterOptions {
  readonly scheduler?: boolean;
  readonly controllers?: boolean;
  /** Plays the node agent: bound Pods run and are ready after so many milliseconds, ended ones go. Undefined: nobody does. */
  readonly kubelet?: { readonly readyMs: number; readonly graceMs: number };
  readonly freeze?: boolean;
  readonly authenticate?: Authenticate;
  /** Served beside Peapod's own. */
  readonly moreKinds?: readonly Kind[];
  readonly admission?: readonly Admission[];
  /** What is told of nodes, to the metrics API for one. */
  readonly nodeServices?: NodeServices;
  /** Every service account gets a Secret with a token; else only Secrets that ask for one are filled. */
  readonly tokenForEveryAccount?: boolean;
  readonly frontProxy?: Promise<KeyedCertificate>;
  readonly audit?: AuditLog;
  readonly components?: Components;
  /** The server's and the controllers' time, where it is not the machine's. */
  readonly time?: Clock;
}

const watched: readonly Resource[] = kinds.filter(({ kind }) => kind !== 'Lease') as never;
const patienceMs = 60_000;

export async function startControlCluster({ scheduler = true, controllers = true, kubelet, freeze = true, authenticate = () => undefined, moreKinds = [], admission = [], nodeServices = () => undefined, tokenForEveryAccount = false, time = clock, frontProxy, audit, components }: ControlClusterOptions = {}): Promise<ControlCluster> {
  const stop = new AbortController();
  const { signal } = stop;
  const log = process.env.PEAPOD_TEST_LOG ? createLog({ clock: time, level: 'debug', write: (line) => console.error(line) }) : silentLog;
  const serviceAccountTokens = createServiceAccountTokens({ signingKeyPem: createSigningKey(), clock: time });
  const server = await createApiServer(
    {
      store: createMemoryStore(),
      kinds: [...kinds, ...moreKinds],
      clock: time,
      random: systemRandom,
      log,
      nodes: nodeServices,
      authenticate,
      authorize: createAuthorizer(),
      serviceAccountTokens,
      admission,
      streams: createStreams({ clock: time }),
      serviceRanges: ['10.96.0.0/16'],
      nodePortRange: { first: 30000, last: 32767 },
      version: 'v1.36.0',
      frontProxy,
      audit,
      components,
      freeze,
    },
    signal,
  );
  const clientOf = (user: (typeof identities)['apiServer']) => new Client(server.transport(user));
  const client = clientOf(identities.apiServer);
  for (const name of ['default', 'kube-system']) await client.create(namespaces, { metadata: { name }, spec: {} }, signal);
  const informers = createSharedInformers({ client, clock: time, random: seededRandom(1), log });
  const running = [informers.run(signal)];
  const deps = { clock: time, random: systemRandom, log, informers };
  const views = watched.map((kind) => informers.of(kind));
  if (scheduler) running.push(createScheduler({ ...deps, client: clientOf(identities.scheduler) }).run(signal));
  if (controllers) running.push(createControllers({ ...deps, client: clientOf(identities.controllerManager), rootCa: 'PEM', checkApiService: (name, until) => server.checkApiService(name, until), tokenSecrets: { sign: (token) => serviceAccountTokens.signLegacy(token), forEveryAccount: tokenForEveryAccount } }).run(signal));
  if (kubelet) playKubelet(client, informers, kubelet, signal);
  await Promise.all(views.map((view) => view.synced));

  return {
    server,
    client,
    informers,
    signal,
    podsOf: (labels) => informers.of(pods).list('default').filter(({ metadata }) => Object.entries(labels).every(([key, value]) => metadata.labels?.[key] === value)),
    addNode: (name, more = {}) =>
      client
        .create(nodes, { metadata: { name, labels: { 'kubernetes.io/hostname': name, ...more.labels } }, spec: { ...more.spec } }, signal)
        .then((node) => client.updateStatus(nodes, { ...node, status: { ...node.status, allocatable: { cpu: '8', memory: '16Gi', pods: '110', ...more.allocatable } } }, signal)),
    until: (what, look) =>
      new Promise((resolve, reject) => {
        const finish = (act: () => void) => {
          for (const subscription of subscriptions) subscription[Symbol.dispose]();
          timer[Symbol.dispose]();
          act();
        };
        let isOver = false;
        const check = () => {
          if (isOver) return;
          const found = look();
          if (found === undefined || found === false) return;
          isOver = true;
          queueMicrotask(() => finish(() => resolve(found as never)));
        };
        const timer = clock.schedule(patienceMs, () => finish(() => reject(new Error(`it did not come to this: ${what}`))));
        const subscriptions: Disposable[] = [];
        for (const view of views) subscriptions.push(view.onChange(check));
        check();
      }),
    async [Symbol.asyncDispose]() {
      stop.abort();
      let isOver = false;
      const ended = Promise.all(running).finally(() => (isOver = true));
      // What waits for a clock that stands still must hear that it is over.
      while (time instanceof VirtualClock && !isOver) await time.advance(1_000);
      await ended;
      await server.close();
    },
  };
}

/** As far as controllers can tell, a node agent: bound Pods become ready, ended ones go after their grace. */
function playKubelet(client: Client, informers: SharedInformers, { readyMs, graceMs }: { readonly readyMs: number; readonly graceMs: number }, signal: AbortSignal): void {
  let address = 0;
  const started = new Set<string>();
  const ended = new Set<string>();
  const quietly = (work: Promise<unknown>) => void work.catch(() => undefined);
  informers.of(pods).onChange((_, pod) => {
    if (!pod?.spec.nodeName) return;
    const { uid } = pod.metadata;
    if (isBeingDeleted(pod)) {
      if (ended.has(uid)) return;
      ended.add(uid);
      clock.schedule(graceMs, () => !signal.aborted && quietly(client.delete(pods, keyOf(pod), { gracePeriodSeconds: 0, preconditions: { uid } }, signal)));
    } else if (!started.has(uid)) {
      started.add(uid);
      const ip = `10.1.${address >> 8}.${address++ & 255}`;
      const isBad = pod.spec.containers.some(({ image }) => image === 'bad');
      clock.schedule(readyMs, () => {
        const now = formatTime(clock.wallMs());
        const conditions = ['ContainersReady', 'Ready'].map((type) => ({ type, status: isBad ? 'False' : 'True', lastTransitionTime: now }));
        const body = { status: { phase: 'Running', podIP: ip, podIPs: [{ ip }], conditions } };
        if (!signal.aborted) quietly(client.patch(pods, keyOf(pod), { type: 'strategic', subresource: 'status', body }, signal));
      });
    }
  });
}

export const template = (app: string, image = 'web:1') => ({
  metadata: { labels: { app } },
  spec: { containers: [{ name: 'main', image, resources: { requests: { cpu: '10m' } } }] },
});

export const deploymentOf = (name: string, replicas: number, more: object = {}) => ({
  metadata: { name, namespace: 'default' },
  spec: { replicas, selector: { matchLabels: { app: name } }, template: template(name), ...more } as never,
});

export const replicaSetOf = (name: string, replicas: number, more: object = {}) => ({
  metadata: { name, namespace: 'default' },
  spec: { replicas, selector: { matchLabels: { app: name } }, template: template(name), ...more } as never,
});

export const podOf = (name: string, more: object = {}) => ({
  metadata: { name, namespace: 'default', labels: { app: name } },
  spec: { containers: [{ name: 'main', image: 'web:1' }], ...more } as never,
});

export function conditionText(object: { readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string; readonly reason?: string }[] } } & KubeObject, type: string): string {
  const found = object.status?.conditions?.find((condition) => condition.type === type);
  return `${found?.status} ${found?.reason}`;
}

export { deployments, nodes, pods, replicaSets };
