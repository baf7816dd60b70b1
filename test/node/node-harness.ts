// The node agent on a real API server (in process, in memory) and a real containerd: what its tests need.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { kinds } from '../../src/api/kinds/index.ts';
import { namespaces } from '../../src/api/kinds/namespace.ts';
import { events } from '../../src/api/kinds/event.ts';
import { pods } from '../../src/api/kinds/pod.ts';
import type { KubeEvent, Namespace, New, Pod } from '../../src/api/types.ts';
import { systemClock as clock } from '../../src/base/clock.ts';
import { createLog, silentLog } from '../../src/base/log.ts';
import { systemRandom as random } from '../../src/base/random.ts';
import { Client, keyOf } from '../../src/client/client.ts';
import { createNodeAgent, type NodeAgent } from '../../src/node/agent.ts';
import { startTestContainerd, type TestContainerd } from '../../src/runtime/testing/test-containerd.ts';
import { createServiceAccountTokens, createSigningKey } from '../../src/server/auth/service-account-tokens.ts';
import { createApiServer } from '../../src/server/server.ts';
import { createStreams } from '../../src/server/streams/upgrade.ts';
import { createMemoryStore } from '../../src/store/memory/memory-store.ts';

export const nodeName = 'node-1';

export interface NodeHarness {
  readonly client: Client;
  readonly containerd: TestContainerd;
  agent: NodeAgent;
  readonly dataDir: string;
  /** Creates the Pod, bound to this node. */
  create(name: string, spec: object, metadata?: object): Promise<Pod>;
  get(name: string): Promise<Pod | undefined>;
  /** Waits, by watching, until the Pod (undefined: it is gone) satisfies the test; gives how long that took. */
  until(name: string, what: string, test: (pod: Pod | undefined) => boolean, timeoutMs?: number): Promise<{ pod: Pod; ms: number }>;
  remove(name: string, options?: { gracePeriodSeconds?: number }): Promise<void>;
  /** `reason message` of the Pod's events, the oldest first. */
  story(name: string): Promise<string[]>;
  stopAgent(): Promise<void>;
  startAgent(): Promise<void>;
  end(): Promise<void>;
}

export async function startNode(): Promise<NodeHarness> {
  const never = new AbortController().signal;
  const log = process.env.PEAPOD_TEST_LOG ? createLog({ clock, level: 'debug', write: (line) => process.stderr.write(`${line}\n`) }) : silentLog;
  const [containerd, server] = await Promise.all([
    startTestContainerd(),
    createApiServer({
      store: createMemoryStore(), kinds, clock, random, log, freeze: true, nodes: () => undefined, authenticate: () => undefined, authorize: () => ({ allowed: true }),
      serviceAccountTokens: createServiceAccountTokens({ signingKeyPem: createSigningKey(), clock }),
      admission: [], streams: createStreams({ clock }), serviceRanges: ['10.96.0.0/16'], nodePortRange: { first: 30000, last: 32767 }, version: 'v1.36.0',
    } as unknown as Parameters<typeof createApiServer>[0], never),
  ]);
  const serverStop = new AbortController();
  const serving = server.run(serverStop.signal);
  const client = new Client(server.transport({ username: 'admin', groups: ['system:masters'] }));
  for (const name of ['default', 'kube-node-lease']) await client.create(namespaces, { metadata: { name } } as New<Namespace>, never);
  const dataDir = join(containerd.directory, 'node');
  let stop = new AbortController();
  let running: Promise<void> | undefined;
  const harness: NodeHarness = {
    client, containerd, dataDir,
    agent: undefined as unknown as NodeAgent,
    create: (name, spec, metadata = {}) =>
      client.create(pods, { metadata: { name, namespace: 'default', ...metadata }, spec: { nodeName, terminationGracePeriodSeconds: 5, ...spec } } as unknown as New<Pod>, never),
    get: (name) => client.get(pods, { namespace: 'default', name }, never).catch(() => undefined),
    async until(name, what, test, timeoutMs = 60_000) {
      const beganMs = clock.monotonicMs();
      const over = new AbortController();
      using _timer = clock.schedule(timeoutMs, () => over.abort());
      const { items, metadata } = await client.list(pods, { namespace: 'default' }, never);
      let pod: Pod | undefined = items.find((one) => one.metadata.name === name);
      let last = pod;
      const took = () => ({ pod: (pod ?? last)!, ms: clock.monotonicMs() - beganMs });
      if (test(pod)) return took();
      for await (const event of client.watch(pods, { namespace: 'default', resourceVersion: metadata.resourceVersion }, over.signal)) {
        if (event.type === 'BOOKMARK' || event.type === 'ERROR' || event.object.metadata.name !== name) continue;
        pod = event.type === 'DELETED' ? undefined : event.object;
        last = event.object;
        if (test(pod)) return took();
      }
      assert.fail(`${name}: ${what} not within ${timeoutMs} ms; status: ${JSON.stringify(last?.status, null, 1)}; events: ${(await harness.story(name)).join('\n')}`);
    },
    async remove(name, options = {}) {
      const pod = await harness.get(name);
      if (pod) await client.delete(pods, keyOf(pod), options, never);
    },
    async story(name) {
      const { items } = await client.list(events, { namespace: 'default' }, never);
      const own = items.filter((event: KubeEvent) => event.involvedObject.name === name);
      return own.sort((a, b) => Number(a.metadata.resourceVersion) - Number(b.metadata.resourceVersion)).map(({ reason, message }) => `${reason} ${message}`);
    },
    async startAgent() {
      stop = new AbortController();
      harness.agent = createNodeAgent({
        name: nodeName, client, runtime: await containerd.connect(), clock, random, log, dataDir, cgroupParent: containerd.cgroupParent,
        addresses: [{ type: 'InternalIP', address: '127.0.0.1' }, { type: 'Hostname', address: nodeName }],
        dns: { servers: ['10.96.0.10'], domain: 'cluster.local' }, version: 'v1.36.0',
      });
      running = harness.agent.run(stop.signal);
      await harness.agent.ready;
    },
    async stopAgent() {
      stop.abort();
      await running;
    },
    async end() {
      const { items } = await client.list(pods, {}, never);
      await Promise.all(items.map((pod) => client.delete(pods, keyOf(pod), { gracePeriodSeconds: 1 }, never).catch(() => {})));
      for (const pod of items) await harness.until(pod.metadata.name, 'gone', (one) => one === undefined).catch((error) => console.error(error));
      await harness.stopAgent();
      serverStop.abort();
      await server.close();
      await serving;
      await containerd.end();
    },
  };
  await harness.startAgent();
  return harness;
}

export const busybox = (name: string, script: string, more: object = {}) => ({ name, image: 'localhost/busybox:latest', imagePullPolicy: 'IfNotPresent', command: ['sh', '-c', script], ...more });

export function isReady(pod: Pod | undefined): boolean {
  return pod?.status.conditions?.find(({ type }) => type === 'Ready')?.status === 'True';
}
