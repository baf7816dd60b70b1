import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endpoints, endpointSlices, services } from '../../src/api/kinds/index.ts';
import { silentLog } from '../../src/base/log.ts';
import { kubernetesService } from '../../src/cluster/own-services.ts';
import { createOwnServiceController, ensureOwnService } from '../../src/controllers/own-service/own-service.ts';
import { clock, startControlCluster } from './control-cluster.ts';

test('the Service kubernetes and its addresses come back when they are deleted or bent', async () => {
  await using cluster = await startControlCluster({ scheduler: false });
  const { client, informers, signal } = cluster;
  const service = kubernetesService('10.96.0.0/16', { ip: '192.0.2.7', port: 6443 });
  await ensureOwnService(service, client, signal);
  void createOwnServiceController(service, { client, informers, clock, log: silentLog }).run(signal).catch(() => {});
  const key = { namespace: 'default', name: 'kubernetes' };
  const first = await cluster.until('the Service', () => informers.of(services).get(key));

  await client.delete(services, key, {}, signal);
  const again = await cluster.until('another', () => {
    const found = informers.of(services).get(key);
    return found && found.metadata.uid !== first.metadata.uid && found;
  });
  assert.equal(again.spec.clusterIP, '10.96.0.1');
  await client.patch(endpointSlices, key, { type: 'merge', body: { endpoints: [] } }, signal);
  await client.patch(endpoints, key, { type: 'merge', body: { subsets: [] } }, signal);
  await cluster.until('the slice', () => informers.of(endpointSlices).get(key)?.endpoints?.[0]?.addresses?.[0] === '192.0.2.7');
  await cluster.until('the endpoints', () => informers.of(endpoints).get(key)?.subsets?.[0]?.addresses?.[0]?.ip === '192.0.2.7');
});

test('a restart on another port is told to all', async () => {
  await using cluster = await startControlCluster({ scheduler: false, controllers: false });
  const { client, signal } = cluster;
  const service = kubernetesService('10.96.0.0/16', { ip: '192.0.2.7', port: 6443 });
  await ensureOwnService(service, client, signal);
  const key = { namespace: 'default', name: 'kubernetes' };
  const { resourceVersion } = (await client.get(services, key, signal)).metadata;
  await ensureOwnService(service, client, signal);
  assert.equal((await client.get(services, key, signal)).metadata.resourceVersion, resourceVersion, 'a change was made where nothing had changed');
  await ensureOwnService(kubernetesService('10.96.0.0/16', { ip: '192.0.2.7', port: 7443 }), client, signal);
  assert.equal((await client.get(services, key, signal)).spec.ports?.[0]?.targetPort, 7443);
  assert.equal((await client.get(endpointSlices, key, signal)).ports?.[0]?.port, 7443);
});
