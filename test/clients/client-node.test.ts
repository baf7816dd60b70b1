// @kubernetes/client-node, as programs use it, with the kubeconfig that the cluster wrote.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import * as k8s from '@kubernetes/client-node';
import { statSync } from 'node:fs';
import { startRealCluster, type RealCluster } from '../support/real-cluster.ts';
import { pod } from '../support/manifests.ts';

describe('@kubernetes/client-node', () => {
  let house: RealCluster;
  let config: k8s.KubeConfig;
  let core: k8s.CoreV1Api;
  before(async () => {
    house = await startRealCluster();
    config = new k8s.KubeConfig();
    config.loadFromFile(house.cluster.kubeconfig);
    core = config.makeApiClient(k8s.CoreV1Api);
  });
  after(() => house?.[Symbol.asyncDispose]());

  test('the kubeconfig is for its owner only', () => {
    assert.equal(statSync(house.cluster.kubeconfig).mode & 0o777, 0o600);
  });

  test('creates, reads, lists, replaces and deletes', async () => {
    const made = await core.createNamespacedConfigMap({ namespace: 'default', body: { metadata: { name: 'made' }, data: { a: '1' } } });
    assert.ok(made.metadata?.creationTimestamp instanceof Date);
    await core.replaceNamespacedConfigMap({ namespace: 'default', name: 'made', body: { ...made, data: { a: '2' } } });
    await assert.rejects(core.replaceNamespacedConfigMap({ namespace: 'default', name: 'made', body: { ...made, data: { a: '3' } } }), /409|Conflict/);
    assert.equal((await core.readNamespacedConfigMap({ namespace: 'default', name: 'made' })).data?.['a'], '2');
    assert.ok((await core.listNamespacedConfigMap({ namespace: 'default' })).items.some((item) => item.metadata?.name === 'made'));
    await core.deleteNamespacedConfigMap({ namespace: 'default', name: 'made' });
    await assert.rejects(core.readNamespacedConfigMap({ namespace: 'default', name: 'made' }), /404|NotFound/);
  });

  test('its informer follows a Pod from Pending to Running to gone', async () => {
    const phases: string[] = [];
    const informer = k8s.makeInformer(config, '/api/v1/namespaces/default/pods', () => core.listNamespacedPod({ namespace: 'default' }));
    const gone = new Promise<void>((resolve) => informer.on('delete', () => resolve()));
    const running = new Promise<void>((resolve) => {
      const look = (object: k8s.V1Pod) => {
        phases.push(object.status!.phase!);
        if (object.status?.phase === 'Running') resolve();
      };
      informer.on('add', look);
      informer.on('update', look);
    });
    await informer.start();
    await core.createNamespacedPod({ namespace: 'default', body: pod('followed', [{}]) as never });
    await running;
    await core.deleteNamespacedPod({ namespace: 'default', name: 'followed' });
    await gone;
    await informer.stop();
    assert.equal(phases[0], 'Pending');
    assert.ok(phases.includes('Running'));
  });

  test('its Exec runs a command over a WebSocket', async () => {
    await core.createNamespacedPod({ namespace: 'default', body: pod('exec', [{}]) as never });
    await house.untilReady('exec');
    const { Writable } = await import('node:stream');
    let said = '';
    const stdout = new Writable({ write: (chunk, _encoding, done) => ((said += String(chunk)), done()) });
    const status = await new Promise<k8s.V1Status>((resolve, reject) => {
      new k8s.Exec(config).exec('default', 'exec', 'c0', ['sh', '-c', 'echo hello; exit 3'], stdout, null, null, false, resolve).catch(reject);
    });
    assert.equal(said, 'hello\n');
    assert.equal(status.reason, 'NonZeroExitCode');
  });

  test('C24 a hundred commands at once, each with its own input, output and exit code', async () => {
    const { PassThrough, Writable } = await import('node:stream');
    const exec = new k8s.Exec(config);
    await core.createNamespacedPod({ namespace: 'default', body: pod('hundred', [{}]) as never });
    await house.untilReady('hundred');
    const sessions = await Promise.all(Array.from({ length: 100 }, async (_, number) => {
      let said = '';
      const stdout = new Writable({ write: (chunk, _encoding, done) => ((said += String(chunk)), done()) });
      const stdin = new PassThrough();
      const ended = Promise.withResolvers<k8s.V1Status>();
      await exec.exec('default', 'hundred', 'c0', ['sh', '-c', `read line; echo "${number} heard $line"; exit ${number}`], stdout, null, stdin, false, ended.resolve);
      return { number, stdin, ended, said: () => said };
    }));
    // All are open before the first one hears anything.
    for (const { number, stdin } of sessions) stdin.write(`word ${number}\n`);
    for (const { number, ended, said } of sessions) {
      const { status, details } = await ended.promise;
      assert.deepEqual([said(), status, details?.causes?.[0]?.message], [`${number} heard word ${number}\n`, number === 0 ? 'Success' : 'Failure', number === 0 ? undefined : String(number)]);
    }
  });
});
