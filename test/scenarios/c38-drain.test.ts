// C38 a node under maintenance: stock kubectl, old and new, drains it; a disruption budget holds the drain up until it may go on.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { deployments, podDisruptionBudgets, pods } from '../../src/api/kinds/index.ts';
import { isBeingDeleted, isPodReady } from '../../src/api/meta.ts';
import type { Pod } from '../../src/api/types.ts';
import { waits, busybox } from '../support/manifests.ts';
import { eventually, mainProcess, startRealCluster, until, type RealCluster } from '../support/real-cluster.ts';

describe('C38 drain', () => {
  let house: RealCluster;
  const labels = { app: 'web' };
  const web = {
    apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web', namespace: 'default' },
    spec: { replicas: 2, selector: { matchLabels: labels }, template: { metadata: { labels }, spec: { terminationGracePeriodSeconds: 5, containers: [{ name: 'c0', image: busybox, command: waits }] } } },
  };
  const budget = { apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', metadata: { name: 'web', namespace: 'default' }, spec: { minAvailable: 2, selector: { matchLabels: labels } } };
  const counted = (allowed: number) => until(house.cluster, podDisruptionBudgets, { namespace: 'default', name: 'web' }, (now) => now?.status.observedGeneration === now?.metadata.generation && now?.status.disruptionsAllowed === allowed);
  const running = async () => {
    let ready: readonly Pod[] = [];
    await eventually('two Pods to be ready', async () => {
      const { items } = await house.cluster.client.list(pods, { namespace: 'default', labelSelector: 'app=web' }, AbortSignal.timeout(60_000));
      ready = items.filter((pod) => isPodReady(pod) && !isBeingDeleted(pod));
      return items.length === 2 && ready.length === 2;
    });
    await until(house.cluster, deployments, { namespace: 'default', name: 'web' }, (now) => now?.status.availableReplicas === 2 && now.status.replicas === 2);
    return ready;
  };

  before(async () => {
    house = await startRealCluster();
    const made = await house.tryKubectl(['create', '-f', '-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [web, budget] }) });
    assert.equal(made.code, 0, made.stderr);
  });
  after(() => house?.[Symbol.asyncDispose]());

  for (const version of ['1.20', '1.36'] as const) {
    test(`kubectl ${version}: refused as long as the budget would be broken, then done`, async () => {
      const node = house.cluster.nodeName;
      const drain = (timeout: string) => house.tryKubectl(['drain', node, '--ignore-daemonsets', '--force', `--timeout=${timeout}`], { version });
      const before = await running();
      assert.equal(before.length, 2);
      await counted(0);
      const refused = await drain('3s');
      assert.notEqual(refused.code, 0);
      assert.match(refused.stderr, /error when evicting pods?\/?.*"web-.*\(will retry after 5s\): Cannot evict pod as it would violate the pod's disruption budget\./);
      const kept = await running();
      assert.deepEqual(kept.map(({ metadata }) => metadata.uid).sort(), before.map(({ metadata }) => metadata.uid).sort());
      assert.match(await house.kubectl('get', 'node', node, '--no-headers'), /SchedulingDisabled/);

      const processes = kept.map((pod) => mainProcess(house.dataDir, pod, 'c0'));
      assert.ok(processes.every((process) => existsSync(`/proc/${process}`)));
      await house.kubectl('patch', 'pdb', 'web', '--type=merge', '-p', '{"spec":{"minAvailable":0}}');
      await counted(2);
      const done = await drain('60s');
      assert.equal(done.code, 0, done.stderr);
      assert.match(done.stdout, /node\/.* (drained|evicted)/);
      assert.ok(processes.every((process) => !existsSync(`/proc/${process}`)));
      const { items } = await house.cluster.client.list(pods, { namespace: 'default', labelSelector: 'app=web' }, AbortSignal.timeout(10_000));
      assert.ok(items.every(({ spec }) => !spec.nodeName), 'the new ones wait');

      await house.kubectl('uncordon', node);
      assert.equal((await running()).length, 2);
      await house.kubectl('patch', 'pdb', 'web', '--type=merge', '-p', '{"spec":{"minAvailable":2}}');
    });

    test(`kubectl ${version} makes and shows budgets`, async () => {
      const name = `made-by-${version.replace('.', '-')}`;
      const made = await house.tryKubectl(['create', 'pdb', name, '--selector=app=other', '--min-available=1'], { version });
      assert.equal(made.code, 0, made.stderr);
      const shown = await house.tryKubectl(['describe', 'pdb', name], { version });
      assert.match(shown.stdout, /^Name: +made-by-.*\nNamespace: +default\nMin available: +1\nSelector: +app=other\nStatus:\n +Allowed disruptions: +0\n/);
      const stored = await house.cluster.client.get(podDisruptionBudgets, { namespace: 'default', name }, AbortSignal.timeout(10_000));
      assert.deepEqual([stored.apiVersion, stored.spec.minAvailable, stored.spec.selector], ['policy/v1', 1, { matchLabels: { app: 'other' } }]);
    });
  }
});
