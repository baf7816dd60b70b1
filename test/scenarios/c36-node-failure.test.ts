// C36 on real nodes: a joined node's agent is killed, frozen, and cut off with its Pods still running. What the cluster says of it, what
// becomes of the Pods, and what happens when the node comes back. The times are shortened; those that a cluster has are proved on
// virtual time in src/testing/node-failure.test.ts.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { nodes } from '../../src/api/kinds/node.ts';
import { pods } from '../../src/api/kinds/pod.ts';
import { replicaSets } from '../../src/api/kinds/replica-set.ts';
import type { New, Node, Pod, ReplicaSet } from '../../src/api/types.ts';
import { addMachine, joinNode, type JoinedNode, type OtherMachine } from '../support/joined-node.ts';
import { eventually, isReady, mainProcess, startRealCluster, until, type RealCluster } from '../support/real-cluster.ts';

const signal = AbortSignal.timeout(280_000);
const leaseSeconds = 2;

describe('C36 a node fails', () => {
  let house: RealCluster;
  let machine: OtherMachine;
  let beta: JoinedNode;

  before(async () => {
    machine = addMachine();
    house = await startRealCluster({ host: machine.here, nodeName: 'alpha', nodeMonitorGracePeriodMs: 6_000, nodeLeaseDurationSeconds: leaseSeconds });
    beta = await joinNode(house, 'beta', machine, '--node-lease-duration-seconds', String(leaseSeconds));
  });
  after(async () => {
    machine?.setLink('up');
    await beta?.leave();
    await house?.[Symbol.asyncDispose]();
    machine?.remove();
  });

  const node = (condition: (node: Node | undefined) => boolean) => until(house.cluster, nodes, { namespace: '', name: 'beta' }, condition);
  const statusOf = (one: Node | undefined, type: string) => one?.status.conditions?.find((condition) => condition.type === type)?.status;
  const taintsOf = (one: Node | undefined) => (one?.spec.taints ?? []).map(({ key, effect }) => `${key}:${effect}`);

  /** One replica, which is on beta first, and may then be anywhere; it is driven away a second after the node is given up. */
  async function replica(name: string): Promise<Pod> {
    const tolerations = ['not-ready', 'unreachable'].map((what) => ({ key: `node.kubernetes.io/${what}`, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 1 }));
    const preferred = [{ weight: 100, preference: { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: ['beta'] }] } }];
    const spec = { terminationGracePeriodSeconds: 1, tolerations, affinity: { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: preferred } }, containers: [{ name: 'c', image: 'localhost/busybox', command: ['sh', '-c', 'trap "exit 0" TERM; sleep 3600 & wait $!'] }] };
    await house.cluster.client.create(replicaSets, { metadata: { name, namespace: 'default' }, spec: { replicas: 1, selector: { matchLabels: { app: name } }, template: { metadata: { labels: { app: name } }, spec } } } as unknown as New<ReplicaSet>, signal);
    let found: Pod | undefined;
    await eventually(`a Pod of ${name} on beta`, async () => {
      [found] = await podsOf(name);
      return isReady(found) && found?.spec.nodeName === 'beta';
    });
    return found!;
  }

  async function podsOf(name: string): Promise<readonly Pod[]> {
    return (await house.cluster.client.list(pods, { namespace: 'default', labelSelector: `app=${name}` }, signal)).items;
  }

  /** The first is told to end and the second lives elsewhere. */
  async function untilReplaced(name: string, first: Pod): Promise<void> {
    await eventually(`a Pod in the place of ${first.metadata.name}`, async () => {
      const all = await podsOf(name);
      const old = all.find(({ metadata }) => metadata.uid === first.metadata.uid);
      const other = all.find(({ metadata }) => metadata.uid !== first.metadata.uid);
      return (old === undefined || old.metadata.deletionTimestamp !== undefined) && other?.spec.nodeName === 'alpha' && isReady(other);
    }, 60_000);
  }

  async function untilGivenUp(): Promise<void> {
    const lost = await node((one) => taintsOf(one).includes('node.kubernetes.io/unreachable:NoExecute'));
    for (const type of ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure']) assert.equal(statusOf(lost, type), 'Unknown', type);
    assert.equal(lost!.status.conditions!.find(({ type }) => type === 'Ready')!.reason, 'NodeStatusUnknown');
    assert.match(await house.kubectl('get', 'node', 'beta', '--no-headers'), /^beta +NotReady/);
  }

  async function untilBack(): Promise<void> {
    await node((one) => statusOf(one, 'Ready') === 'True' && taintsOf(one).length === 0).catch((error: unknown) => {
      throw new Error(`beta is not back; its log ends: ${readFileSync(join(beta.dataDir, 'peapod.log'), 'utf8').slice(-3000)}`, { cause: error });
    });
  }

  test('C36 killed: it is NotReady, its Pod is replaced elsewhere, and ended when the node is back', async () => {
    const first = await replica('killed');
    const main = mainProcess(beta.dataDir, first, 'c');
    await beta.signal('SIGKILL');
    await untilGivenUp();
    await untilReplaced('killed', first);
    const still = await until(house.cluster, pods, { namespace: 'default', name: first.metadata.name }, () => true);
    assert.ok(still?.metadata.deletionTimestamp, 'nobody but its node may say that it has ended');
    assert.equal(isReady(still), false);
    assert.ok(existsSync(`/proc/${main}`), 'its process runs on where nobody can reach it');

    await beta.start();
    await untilBack();
    await until(house.cluster, pods, { namespace: 'default', name: first.metadata.name }, (one) => one === undefined);
    await eventually('its process to end', () => !existsSync(`/proc/${main}`));
    const [lives, ...others] = await podsOf('killed');
    assert.equal(others.length, 0);
    assert.equal(lives!.spec.nodeName, 'alpha');
    assert.ok(isReady(lives));
  });

  test('C36 frozen: the same, and thawed it goes on as if it had been cut off', async () => {
    const first = await replica('frozen');
    const main = mainProcess(beta.dataDir, first, 'c');
    await beta.signal('SIGSTOP');
    try {
      await untilGivenUp();
      await untilReplaced('frozen', first);
      assert.ok(existsSync(`/proc/${main}`));
    } finally {
      await beta.signal('SIGCONT');
    }
    await untilBack();
    await until(house.cluster, pods, { namespace: 'default', name: first.metadata.name }, (one) => one === undefined);
    await eventually('its process to end', () => !existsSync(`/proc/${main}`));
  });

  test('C36 cut off: a node that is out of service gives up its Pods at once; with its cable back it ends them, and works', async () => {
    const first = await replica('cut');
    const main = mainProcess(beta.dataDir, first, 'c');
    machine.setLink('down');
    try {
      await untilGivenUp();
      await untilReplaced('cut', first);
      await house.kubectl('taint', 'node', 'beta', 'node.kubernetes.io/out-of-service=nodeshutdown:NoExecute');
      await until(house.cluster, pods, { namespace: 'default', name: first.metadata.name }, (one) => one === undefined);
      assert.ok(existsSync(`/proc/${main}`));
    } finally {
      machine.setLink('up');
    }
    await house.kubectl('taint', 'node', 'beta', 'node.kubernetes.io/out-of-service-');
    await untilBack();
    await eventually('its process to end', () => !existsSync(`/proc/${main}`));
    // The routes went with the link, and are there again.
    const second = await replica('after');
    await eventually('the new Pod to be reached', async () => (await house.tryKubectl(['exec', second.metadata.name, '--', 'true'])).code === 0);
    await eventually('a packet to reach it', async () => {
      const [elsewhere] = await podsOf('killed');
      return (await house.tryKubectl(['exec', elsewhere!.metadata.name, '--', 'ping', '-c', '1', '-W', '1', second.status.podIP!])).code === 0;
    });
  });
});
