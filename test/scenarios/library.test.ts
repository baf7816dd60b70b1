// The library as a program imports it: `import … from 'peapod'`, built, with nothing given.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';

test('a cluster inside a process: started, used, and gone with its data', async () => {
  const { startCluster, pods } = (await import('peapod' as string)) as typeof import('../../src/index.ts');
  const signal = AbortSignal.timeout(60_000);
  let dataDir: string;
  {
    await using cluster = await startCluster({ port: 0 });
    dataDir = cluster.dataDir;
    const container = { name: 'c', image: 'localhost/busybox', command: ['true'] };
    await cluster.client.create(pods, { metadata: { name: 'short', namespace: 'default' }, spec: { containers: [container], restartPolicy: 'Never' } }, signal);
    for await (const event of cluster.client.watch(pods, { namespace: 'default' }, signal)) {
      if (event.type === 'MODIFIED' && event.object.status.phase === 'Succeeded') break;
    }
    assert.ok(existsSync(cluster.kubeconfig));
  }
  assert.ok(!existsSync(dataDir));
});
