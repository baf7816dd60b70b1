// What those see who look after a cluster: health check by check, as probes and people ask for it.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startRealCluster, type RealCluster } from '../support/real-cluster.ts';

describe('operators', () => {
  let real: RealCluster;
  const raw = (path: string) => real.kubectl('get', '--raw', path);
  const eventually = async (what: string, holds: () => Promise<boolean>) => {
    for (const deadline = AbortSignal.timeout(60_000); !(await holds()); ) assert.ok(!deadline.aborted, what);
  };

  before(async () => {
    real = await startRealCluster({ node: false, simulatedNodes: 2 });
  });
  after(() => real?.[Symbol.asyncDispose]());

  test('readiness waits for the informers and the controllers; each check can be asked for and left out', async () => {
    await eventually('it is ready', async () => (await real.tryKubectl(['get', '--raw', '/readyz'])).stdout === 'ok');
    const verbose = await raw('/readyz?verbose');
    const names = [...verbose.matchAll(/^\[\+\](\S+) ok$/gm)].map(([, name]) => name);
    for (const name of ['ping', 'log', 'etcd', 'etcd-readiness', 'informer-sync', 'controllers', 'poststarthook/start-system-namespaces-controller', 'poststarthook/rbac/bootstrap-roles', 'poststarthook/crd-informer-synced', 'autoregister-completion', 'shutdown']) assert.ok(names.includes(name), `${name} of ${names}`);
    assert.match(verbose, /readyz check passed\n$/);
    for (const name of names) assert.equal(await raw(`/readyz/${name}`), 'ok');
    const alive = await raw('/livez?verbose&exclude=etcd');
    assert.match(alive, /^\[\+\]etcd excluded: ok$/m);
    assert.doesNotMatch(alive, /\](informer-sync|controllers|etcd-readiness|shutdown) /);
    const slis = await raw('/metrics/slis');
    assert.match(slis, /^kubernetes_healthcheck\{name="informer-sync",type="readyz"\} 1$/m);
  });
});
