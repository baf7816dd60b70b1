// C19 what a container finds in its environment, and what waits for a ConfigMap, a Secret or a key that is missing.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Container } from '../../src/api/types.ts';
import { pod } from '../support/manifests.ts';
import { eventually, startRealCluster, type RealCluster } from '../support/real-cluster.ts';

describe('C19 environment', () => {
  let house: RealCluster;
  const create = async (...items: object[]) => {
    const made = await house.tryKubectl(['create', '-f', '-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }) });
    assert.equal(made.code, 0, made.stderr);
  };
  const field = (name: string, fieldPath: string) => ({ name, valueFrom: { fieldRef: { fieldPath } } });
  const resource = (name: string, of: string, divisor?: string) => ({ name, valueFrom: { resourceFieldRef: { resource: of, ...(divisor ? { divisor } : {}) } } });
  // A shell keeps names to itself that it cannot use as variables: the kernel does not.
  const says = (env: object[], more: object = {}) => ({ command: ['sh', '-c', 'tr "\\0" "\\n" < /proc/1/environ; echo that is all; sleep 3600'], env, ...more }) as Partial<Container>;
  const quick = { terminationGracePeriodSeconds: 0 };
  const waiting = async (name: string, reason: string) =>
    (await house.untilPod(name, (now) => now?.status.containerStatuses?.[0]?.state?.waiting?.reason === reason))!.status.containerStatuses![0]!.state!.waiting!.message;

  before(async () => {
    house = await startRealCluster();
    const port = (name: string, number: number) => ({ name, port: number });
    await create(
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'settings' }, data: { color: 'blue', 'not.a-name': 'x', '1st': 'y' } },
      { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'keys' }, stringData: { token: 'top secret' } },
      { apiVersion: 'v1', kind: 'Service', metadata: { name: 'data-base' }, spec: { ports: [port('sql', 5432), port('web', 80)] } },
      { apiVersion: 'v1', kind: 'Service', metadata: { name: 'headless' }, spec: { clusterIP: 'None', ports: [port('a', 1)] } },
    );
    await create(
      pod('all', [says([
        { name: 'PLAIN', value: '1' },
        { name: 'MADE', value: '$(PLAIN)-$$(PLAIN)-$(LATER)-$(NOWHERE)-$(DATA_BASE_SERVICE_HOST)' },
        { name: 'LATER', value: '2' },
        field('MY_NAME', 'metadata.name'), field('MY_UID', 'metadata.uid'), field('MY_LABEL', "metadata.labels['app.kubernetes.io/name']"), field('MY_NODE', 'spec.nodeName'), field('MY_IP', 'status.podIP'), field('MY_ACCOUNT', 'spec.serviceAccountName'),
        field('MY_SPACE', 'metadata.namespace'), field('MY_NOTE', "metadata.annotations['note']"), field('NO_NOTE', "metadata.annotations['none']"), field('MY_IPS', 'status.podIPs'), field('HOST', 'status.hostIP'), field('HOSTS', 'status.hostIPs'),
        resource('ALL_MEMORY', 'limits.memory', '1Mi'), resource('NO_CPU', 'requests.ephemeral-storage'), resource('MILLIS', 'requests.cpu', '1m'),
        resource('CPU', 'limits.cpu', '1m'), resource('CPUS', 'limits.cpu'), resource('MEMORY', 'requests.memory', '1Mi'),
        { name: 'COLOR', valueFrom: { configMapKeyRef: { name: 'settings', key: 'color' } } },
        { name: 'NO_KEY', valueFrom: { configMapKeyRef: { name: 'settings', key: 'none', optional: true } } },
        { name: 'TOKEN', valueFrom: { secretKeyRef: { name: 'keys', key: 'token' } } },
        { name: 'X_color', value: 'env wins' },
      ], {
        envFrom: [{ prefix: 'X_', configMapRef: { name: 'settings' } }, { secretRef: { name: 'keys' } }, { configMapRef: { name: 'nowhere', optional: true } }],
        resources: { limits: { cpu: '1500m' }, requests: { memory: '32Mi' } },
      })], quick, { 'app.kubernetes.io/name': 'me' }, { note: 'a "note"' }),
      pod('unlinked', [says([])], { ...quick, enableServiceLinks: false }),
      pod('no-map', [says([{ name: 'A', valueFrom: { configMapKeyRef: { name: 'later', key: 'a' } } }])], quick),
      pod('no-key', [says([{ name: 'A', valueFrom: { secretKeyRef: { name: 'keys', key: 'nowhere' } } }])], quick),
      pod('no-from', [says([], { envFrom: [{ secretRef: { name: 'nowhere' } }] })], quick),
      pod('args', [{ command: ['echo', '$(A)', '$$(A)', '$(B)'], args: ['$(A)$(A)'], env: [{ name: 'A', value: 'a b' }] } as Partial<Container>], { ...quick, restartPolicy: 'Never' }),
    );
  });
  after(() => house?.[Symbol.asyncDispose]());

  test('literals, references, fields, resources, ConfigMaps and Secrets', async () => {
    const { metadata, status } = await house.untilReady('all');
    const lines = (await house.untilLogged('that is all', 'all')).trim().split('\n');
    const env = Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
    const host = await house.kubectl('get', 'service', 'data-base', '-o', 'jsonpath={.spec.clusterIP}');
    const wanted = {
      PLAIN: '1', MADE: `1-$(PLAIN)-$(LATER)-$(NOWHERE)-${host}`, LATER: '2',
      MY_NAME: 'all', MY_UID: metadata.uid, MY_LABEL: 'me', MY_NODE: house.cluster.nodeName, MY_IP: status.podIP, MY_ACCOUNT: 'default',
      MY_SPACE: 'default', MY_NOTE: 'a "note"', NO_NOTE: '', MY_IPS: status.podIPs!.map(({ ip }) => ip).join(','), HOST: status.hostIP, HOSTS: status.hostIPs!.map(({ ip }) => ip).join(','),
      ALL_MEMORY: String(Math.ceil(Number.parseInt(await house.kubectl('get', 'nodes', '-o', 'jsonpath={.items[0].status.allocatable.memory}')) / 1024)), NO_CPU: '0', MILLIS: '1500',
      CPU: '1500', CPUS: '2', MEMORY: '32', COLOR: 'blue', TOKEN: 'top secret', token: 'top secret',
      X_color: 'env wins', 'X_not.a-name': 'x', X_1st: 'y', HOSTNAME: 'all',
      DATA_BASE_SERVICE_HOST: host, DATA_BASE_SERVICE_PORT: '5432', DATA_BASE_SERVICE_PORT_WEB: '80', DATA_BASE_PORT: `tcp://${host}:5432`, DATA_BASE_PORT_80_TCP_ADDR: host,
      KUBERNETES_SERVICE_PORT: '443',
    };
    assert.deepEqual(Object.fromEntries(Object.keys(wanted).map((name) => [name, env[name]])), wanted);
    assert.equal(env['NO_KEY'], undefined);
    assert.ok(!Object.keys(env).some((name) => name.startsWith('HEADLESS')));
  });

  test('without service links only the API is told', async () => {
    await house.untilReady('unlinked');
    const env = await house.untilLogged('that is all', 'unlinked');
    assert.match(env, /^KUBERNETES_SERVICE_HOST=/m);
    assert.doesNotMatch(env, /DATA_BASE/);
  });

  test('what is missing is CreateContainerConfigError with an event, and the container starts once it is there', async () => {
    assert.equal(await waiting('no-map', 'CreateContainerConfigError'), 'configmap "later" not found');
    assert.equal(await waiting('no-key', 'CreateContainerConfigError'), `couldn't find key nowhere in Secret default/keys`);
    assert.equal(await waiting('no-from', 'CreateContainerConfigError'), 'secret "nowhere" not found');
    await eventually('the event', async () => /Warning +Failed +.*Error: configmap "later" not found/.test(await house.kubectl('describe', 'pod', 'no-map')));
    await create({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'later' }, data: { a: 'came' } });
    assert.equal((await house.untilReady('no-map')).status.containerStatuses![0]!.restartCount, 0);
    assert.match(await house.untilLogged('that is all', 'no-map'), /^A=came$/m);
  });

  test('command and args know the variables', async () => {
    await house.untilPod('args', (now) => now?.status.phase === 'Succeeded');
    assert.equal(await house.kubectl('logs', 'args'), 'a b $(A) $(B) a ba b\n');
  });
});
