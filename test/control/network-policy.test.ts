// When NetworkPolicies are enforced, and what a Pod waits for before its containers start. The kernel's part is played: it takes scripts,
// or refuses them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { networkPolicies } from '../../src/api/kinds/network-policy.ts';
import { pods } from '../../src/api/kinds/index.ts';
import type { New, NetworkPolicy, Pod } from '../../src/api/types.ts';
import { silentLog } from '../../src/base/log.ts';
import { systemRandom as random } from '../../src/base/random.ts';
import { createNetworkPolicies, type NetworkPolicies } from '../../src/network/policy/network-policies.ts';
import type { Nftables } from '../../src/network/proxy/nft/nftables.ts';
import { clock, startControlCluster, type ControlCluster } from './control-cluster.ts';

class Kernel implements Nftables {
  readonly scripts: string[] = [];
  isThere = false;
  refuses = false;
  /** Scripts wait for it. */
  gate: Promise<void> = Promise.resolve();
  #onDeleted = () => {};

  async apply(script: string): Promise<void> {
    await this.gate;
    if (this.refuses) throw new Error('no room');
    this.scripts.push(script);
    this.isThere = true;
  }

  async deleteTable(): Promise<void> {
    this.isThere = false;
  }

  async has(): Promise<boolean> {
    return this.isThere;
  }

  async watchDeletions(_table: string, onDeleted: () => void, signal: AbortSignal): Promise<void> {
    this.#onDeleted = onDeleted;
    await new Promise<void>((resolve) => (signal.aborted ? resolve() : signal.addEventListener('abort', () => resolve(), { once: true })));
  }

  /** Somebody else does it. */
  delete(): void {
    this.isThere = false;
    this.#onDeleted();
  }
}

const shut = { metadata: { name: 'shut', namespace: 'default' }, spec: { podSelector: { matchLabels: { app: 'web' } } } } as unknown as New<NetworkPolicy>;

async function withPolicies(run: (on: { cluster: ControlCluster; kernel: Kernel; policies: NetworkPolicies }) => Promise<void>): Promise<void> {
  await using cluster = await startControlCluster({ controllers: false, scheduler: false });
  const kernel = new Kernel();
  const policies = createNetworkPolicies({ client: cluster.client, nodeName: 'a', plan: { table: 't', bridge: 'b' }, nftables: kernel, clock, random, log: silentLog });
  const life = new AbortController();
  const running = policies.run(life.signal);
  try {
    await run({ cluster, kernel, policies });
  } finally {
    life.abort();
    await running;
  }
}

async function pod({ client, signal }: ControlCluster, name: string, app: string): Promise<Pod> {
  return client.create(pods, { metadata: { name, namespace: 'default', labels: { app } }, spec: { nodeName: 'a', containers: [{ name: 'c', image: 'i' }] } } as unknown as New<Pod>, signal);
}

async function eventually(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

test('without a policy nobody waits and there is no rule; with the last one all goes', () => withPolicies(async ({ cluster, kernel, policies }) => {
  const { client, signal } = cluster;
  const web = await pod(cluster, 'web', 'web');
  await policies.admit(web, ['10.0.0.2'], signal);
  assert.equal(policies.admit(web, ['10.0.0.2'], signal), undefined);
  assert.deepEqual(kernel.scripts, []);
  await client.create(networkPolicies, shut, signal);
  await eventually(() => kernel.isThere);
  await client.delete(networkPolicies, { namespace: 'default', name: 'shut' }, {}, signal);
  await eventually(() => !kernel.isThere);
  assert.equal(policies.admit(web, ['10.0.0.2'], signal), undefined);
}));

test('a Pod that a policy is about waits until its address is in the rules, before the API has it; others wait for nothing', () => withPolicies(async ({ cluster, kernel, policies }) => {
  const { client, signal } = cluster;
  await client.create(networkPolicies, shut, signal);
  await eventually(() => kernel.isThere);
  const gate = Promise.withResolvers<void>();
  kernel.gate = gate.promise;
  let admitted = false;
  const waiting = policies.admit(await pod(cluster, 'web', 'web'), ['10.0.0.2'], signal)!.then(() => (admitted = true));
  await policies.admit(await pod(cluster, 'db', 'db'), ['10.0.0.3'], signal);
  assert.equal(admitted, false);
  gate.resolve();
  await waiting;
  assert.match(kernel.scripts.join(''), /add element inet t ingress-4 \{ 10\.0\.0\.2 : goto /);
}));

test('a Pod does not start while the rules cannot be applied, and is not kept by a policy that has gone meanwhile', () => withPolicies(async ({ cluster, kernel, policies }) => {
  const { client, signal } = cluster;
  await client.create(networkPolicies, shut, signal);
  await eventually(() => kernel.isThere);
  const web = await pod(cluster, 'web', 'web');
  kernel.refuses = true;
  await assert.rejects(policies.admit(web, ['10.0.0.2'], signal)!, /^Error: the rules of NetworkPolicies cannot be applied$/);
  const gate = Promise.withResolvers<void>();
  kernel.gate = gate.promise;
  const waiting = policies.admit(web, ['10.0.0.2'], signal)!.catch((error: unknown) => error);
  await client.delete(networkPolicies, { namespace: 'default', name: 'shut' }, {}, signal);
  gate.resolve();
  kernel.refuses = false;
  await waiting;
  await eventually(() => !kernel.isThere);
  assert.equal(policies.admit(web, ['10.0.0.2'], signal), undefined);
}));

test('rules that somebody else has deleted are made anew, whole', () => withPolicies(async ({ cluster, kernel }) => {
  await cluster.client.create(networkPolicies, shut, cluster.signal);
  await eventually(() => kernel.scripts.length > 0);
  const before = kernel.scripts.length;
  await eventually(() => {
    if (kernel.isThere && kernel.scripts.length === before) kernel.delete();
    return kernel.scripts.length > before;
  });
  assert.match(kernel.scripts.at(-1)!, /^table inet t\ndelete table inet t\ntable inet t \{/);
}));
