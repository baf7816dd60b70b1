// C26 to C32: the seven steps of an ending, timed. All Pods end side by side; each test then looks at what one of them, the
// API and /proc have told. Least times are exact: a grace is never cut short. Most times are wide, for machines that are
// busy; `npm run bench -- endings` measures them.
import assert from 'node:assert/strict';
import { existsSync, globSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { pods } from '../../src/api/kinds/pod.ts';
import { services } from '../../src/api/kinds/service.ts';
import type { Container, Pod } from '../../src/api/types.ts';
import { startRegistry, type Registry } from '../../src/runtime/testing/registry.ts';
import { clockMs, Endings, type Behaviour } from '../support/endings.ts';
import { eventually, isReady, startRealCluster, type RealCluster } from '../support/real-cluster.ts';

const signal = new AbortController().signal;
/** Far longer than anything here takes, and far shorter than what it must not wait for: graces of half a minute and more. */
const soonMs = 25_000;
/** What a process says of the time is cut off to hundredths. */
const leastMs = (seconds: number) => seconds * 1000 - clockMs;

describe('C26–C32 the seven steps of an ending', () => {
  let house: RealCluster;
  let registry: Registry;
  let endings: Endings;
  const uids = new Map<string, string>();

  const create = async (name: string, containers: Record<string, Behaviour> | Partial<Container>[], spec: object = {}, metadata: object = {}) => {
    const own = Array.isArray(containers) ? containers : Object.entries(containers).map(([container, behaviour]) => endings.container(name, container, behaviour));
    const made = await house.cluster.client.create(pods, { metadata: { name, namespace: 'default', ...metadata }, spec: { volumes: endings.volumes, ...spec, containers: own } } as never, signal);
    uids.set(name, made.metadata.uid);
  };
  const sidecar = (pod: string, name: string, behaviour: Behaviour) => ({ ...endings.container(pod, name, behaviour), restartPolicy: 'Always' });
  const waiting = (pod: Pod | undefined, reason: string) => pod?.status.containerStatuses?.some(({ state }) => state?.waiting?.reason === reason) ?? false;
  /** These, in this order; others may lie between. */
  const inOrder = (name: string, ...wanted: string[]) => {
    const all = endings.of(name).map(({ what }) => what);
    let from = 0;
    for (const what of wanted) {
      const at = all.indexOf(what, from);
      assert.ok(at >= 0, `"${what}" is not where it should be:\n${endings.story(name)}`);
      from = at + 1;
    }
  };
  const times = (name: string, what: string) => endings.of(name).filter((moment) => moment.what === what).length;
  const between = (value: number, least: number, most: number, name: string) => assert.ok(value >= least && value <= most, `${value} is not from ${least} to ${most}:\n${endings.story(name)}`);

  before(async () => {
    [house, registry] = await Promise.all([startRealCluster(), startRegistry()]);
    endings = new Endings(house.cluster.client, house.dataDir);
    const { client } = house.cluster;
    registry.push('held', '1');
    registry.hold('held');
    await client.create(services, { metadata: { name: 'ending', namespace: 'default' }, spec: { selector: { app: 'ending' }, ports: [{ port: 80 }] } } as never, signal);
    const served = { labels: { app: 'ending' } };
    await create('quick', { c: { term: 'ends' } }, { volumes: [...endings.volumes, { name: 'mine', emptyDir: {} }] }, served);
    await create('hooked', { c: { term: 'ends', hookSeconds: 2 } }, {}, served);
    await create('ignoring', { c: { term: 'ignores' } }, { terminationGracePeriodSeconds: 10 }, served);
    await create('endless', { c: { term: 'ignores', hookSeconds: 600 } }, { terminationGracePeriodSeconds: 3 }, served);
    await create('several', { quick: { term: 'ends' }, slow: { term: 2 }, hooked: { term: 'ends', hookSeconds: 8 }, ignoring: { term: 'ignores' } }, { terminationGracePeriodSeconds: 12 });
    await create('sidecars', { app: { term: 1 } }, { initContainers: [sidecar('sidecars', 'first', { term: 'ends' }), sidecar('sidecars', 'second', { term: 1 })] });
    await create('late-sidecar', { app: { term: 'ignores' } }, { terminationGracePeriodSeconds: 2, initContainers: [sidecar('late-sidecar', 'side', { term: 'ignores' })] });
    await create('forced', { c: { term: 'ignores' } }, { terminationGracePeriodSeconds: 600 });
    await create('shortened', { c: { term: 'ignores' } }, { terminationGracePeriodSeconds: 600 });
    await create('one-second', { c: { term: 'ignores' } }, { terminationGracePeriodSeconds: 600 });
    await create('held', { c: { term: 'ends' } }, {}, { finalizers: ['example.com/hold'] });
    await create('mounting', { c: { term: 'ends' } }, { volumes: [...endings.volumes, { name: 'none', configMap: { name: 'is-not-there' } }] });
    await create('in-init', { c: { term: 'ends' } }, { initContainers: [endings.container('in-init', 'init', { term: 'ends' })] });
    await create('pulling', [{ name: 'c', image: `${registry.host}/held:1` }]);
    await create('crashing', [{ ...endings.container('crashing', 'c', { term: 'ends' }), command: ['false'] }]);
    await create('starting', [{ ...endings.container('starting', 'c', { term: 'ends' }), lifecycle: { postStart: { exec: { command: ['sleep', '600'] } } } }]);
    for (const name of ['quick', 'hooked', 'ignoring', 'endless', 'several', 'sidecars', 'late-sidecar', 'forced', 'shortened', 'one-second', 'held']) await house.untilPod(name, isReady);
    await endings.until('in-init', 'init starts');
    await endings.until('starting', 'c starts');
    await house.untilPod('crashing', (pod) => waiting(pod, 'CrashLoopBackOff'));
    await eventually('the pull to be under way', () => registry.asked.some((line) => line.includes('/held/')));
    await eventually('the volume to be waited for', async () => (await house.kubectl('get', 'events', '--field-selector', 'involvedObject.name=mounting')).includes('FailedMount'));

    for (const name of uids.keys()) {
      if (!['forced', 'one-second'].includes(name)) await endings.delete(name);
    }
    await endings.delete('forced', { gracePeriodSeconds: 0 });
    await endings.delete('one-second', { gracePeriodSeconds: 1 });
    await house.cluster.client.delete(pods, { namespace: 'default', name: 'shortened' }, { gracePeriodSeconds: 6 }, signal);
    await house.cluster.client.delete(pods, { namespace: 'default', name: 'shortened' }, { gracePeriodSeconds: 300 }, signal);
    for (const name of uids.keys()) if (name !== 'held') await endings.until(name, 'gone');
    await endings.until('forced', 'c process gone');
  });
  after(async () => {
    await endings?.[Symbol.asyncDispose]();
    await house?.[Symbol.asyncDispose]();
    await registry?.[Symbol.asyncDispose]();
  });

  test('C26, C27, C31 a process that ends when told: Terminating, SIGTERM, its end, gone', () => {
    inOrder('quick', 'asked', 'Terminating', 'c process gone', 'gone');
    inOrder('quick', 'Terminating', 'not Ready', 'gone');
    assert.equal(times('quick', 'c TERM'), 1);
    between(endings.after('quick', 'c TERM'), -clockMs, soonMs, 'quick');
    between(endings.after('quick', 'gone'), 0, soonMs, 'quick');
    console.log(`# a process that ends at once:\n${endings.story('quick').replaceAll(/^/gm, '# ')}`);
  });

  test('C29 each leaves its endpoints at once, serving still, while its process has yet to end', () => {
    for (const name of ['hooked', 'ignoring', 'endless']) inOrder(name, 'asked', 'endpoint no longer ready, serving', 'c process gone', 'gone');
  });

  test('C27 preStop is over before SIGTERM comes', () => {
    inOrder('hooked', 'c hook begins', 'c hook ends', 'c TERM', 'c process gone', 'gone');
    between(endings.after('hooked', 'c TERM'), leastMs(2), soonMs, 'hooked');
    assert.equal(times('hooked', 'c hook begins'), 1);
    console.log(`# with a preStop of 2 s:\n${endings.story('hooked').replaceAll(/^/gm, '# ')}`);
  });

  test('C30 what ignores SIGTERM lives out its grace, and is then killed', () => {
    assert.equal(times('ignoring', 'c TERM'), 1);
    between(endings.after('ignoring', 'c TERM'), -clockMs, leastMs(10), 'ignoring');
    between(endings.after('ignoring', 'c process gone'), leastMs(10), soonMs, 'ignoring');
    inOrder('ignoring', 'c process gone', 'gone');
  });

  test('C28 a preStop longer than the grace is abandoned: SIGTERM at its end, two seconds more, once', () => {
    inOrder('endless', 'c hook begins', 'c TERM', 'c process gone', 'gone');
    assert.equal(times('endless', 'c hook ends'), 0);
    assert.equal(times('endless', 'c TERM'), 1);
    between(endings.after('endless', 'c TERM'), leastMs(3), soonMs, 'endless');
    between(endings.after('endless', 'c process gone'), leastMs(3 + 2), soonMs, 'endless');
    console.log(`# with an endless preStop and a grace of 3 s:\n${endings.story('endless').replaceAll(/^/gm, '# ')}`);
  });

  test('C27, C30 of several containers each ends in its own way, none waits for another', () => {
    inOrder('several', 'quick process gone', 'slow process gone', 'hooked process gone', 'ignoring process gone', 'gone');
    for (const name of ['quick', 'slow', 'ignoring']) between(endings.after('several', `${name} TERM`), -clockMs, leastMs(8), 'several');
    between(endings.after('several', 'slow process gone'), leastMs(2), soonMs, 'several');
    between(endings.after('several', 'hooked TERM'), leastMs(8), soonMs, 'several');
    between(endings.after('several', 'ignoring process gone'), leastMs(12), soonMs, 'several');
  });

  test('C30 sidecars end after the app containers, the last one first', () => {
    inOrder('sidecars', 'app TERM', 'app ends', 'second TERM', 'second ends', 'first TERM', 'gone');
    for (const name of ['app', 'first', 'second']) assert.equal(times('sidecars', `${name} TERM`), 1);
  });

  test('C30 a sidecar whose grace the app has used up still gets its signal and a second', () => {
    inOrder('late-sidecar', 'app TERM', 'app process gone', 'side process gone', 'gone');
    between(endings.after('late-sidecar', 'side TERM'), leastMs(2), soonMs, 'late-sidecar');
    between(endings.after('late-sidecar', 'side process gone'), leastMs(2 + 1), soonMs, 'late-sidecar');
  });

  test('C32 by force the object is gone at once; the process is told to end, and ended', () => {
    inOrder('forced', 'gone', 'c process gone');
    assert.equal(times('forced', 'Terminating'), 0);
    assert.equal(times('forced', 'c TERM'), 1);
    between(endings.after('forced', 'c process gone'), leastMs(1), soonMs, 'forced');
  });

  test('C32 a second delete shortens and does not lengthen; one second is respected', () => {
    assert.equal(times('shortened', 'c TERM'), 1);
    between(endings.after('shortened', 'c process gone'), leastMs(6), soonMs, 'shortened');
    between(endings.after('one-second', 'c process gone'), leastMs(1), soonMs, 'one-second');
  });

  test('C26 a finalizer holds the object; its containers are long gone and tell how they ended', async () => {
    await endings.until('held', 'c process gone');
    const held = (await house.untilPod('held', (pod) => pod?.status.containerStatuses?.[0]?.state?.terminated !== undefined))!;
    assert.equal(held.status.containerStatuses![0]!.state!.terminated!.exitCode, 0);
    assert.ok(held.metadata.deletionTimestamp);
    assert.equal(times('held', 'gone'), 0);
    await house.cluster.client.patch(pods, { namespace: 'default', name: 'held' }, { type: 'merge', body: { metadata: { finalizers: null } } }, signal);
    await endings.until('held', 'gone');
  });

  test('C26, C27 what had not come to run goes as soon, and nothing of it starts any more', () => {
    for (const name of ['mounting', 'pulling', 'crashing']) between(endings.after(name, 'gone'), 0, soonMs, name);
    assert.equal(times('mounting', 'c starts'), 0);
    assert.deepEqual([times('in-init', 'init TERM'), times('in-init', 'c starts')], [1, 0]);
    inOrder('in-init', 'init TERM', 'gone');
    // A hook that has not ended yet does not keep SIGTERM away.
    inOrder('starting', 'c TERM', 'gone');
    between(endings.after('starting', 'gone'), 0, soonMs, 'starting');
  });

  test('C31 nothing is left of any of them: no directory, no cgroup, no sandbox', async () => {
    for (const [name, uid] of uids) {
      await eventually(`the directory of ${name} to go`, () => !existsSync(join(house.dataDir, 'node', 'pods', uid)));
      await eventually(`the cgroups of ${name} to go`, () => globSync(`/sys/fs/cgroup/{*/,}peapod-*/**/pod${uid}`).length === 0);
      await eventually(`the logs of ${name} to go`, () => globSync(join(house.dataDir, 'node', 'logs', `*_${uid}`)).length === 0);
    }
  });
});
