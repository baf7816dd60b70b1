// A server of another API behind a Service without a selector, as stock kubectl of both ages sees it.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { configMaps, endpointSlices } from '../../src/api/kinds/index.ts';
import { group, startExtensionServer, version, type ExtensionServer } from '../support/extension-server.ts';
import { eventually, startRealCluster, type KubectlVersion, type RealCluster } from '../support/real-cluster.ts';

let house: RealCluster;
let extension: ExtensionServer;
const name = `${version}.${group}`;

const apply = async (object: object) => {
  const ran = await house.tryKubectl(['apply', '-f', '-'], { input: JSON.stringify(object) });
  assert.equal(ran.code, 0, ran.stderr);
};

before(async () => {
  house = await startRealCluster();
  const { client } = house.cluster;
  const signal = AbortSignal.timeout(30_000);
  // What an extension server reads at its start; there soon after the cluster is.
  let data: Record<string, string> = {};
  await eventually('the front proxy’s authority is told', async () => {
    const told = await client.get(configMaps, { namespace: 'kube-system', name: 'extension-apiserver-authentication' }, signal).catch(() => undefined);
    data = told?.data ?? {};
    return told !== undefined;
  });
  assert.deepEqual([data['requestheader-username-headers'], data['requestheader-allowed-names']], ['["X-Remote-User"]', '["front-proxy-client"]']);
  assert.match(data['client-ca-file']!, /BEGIN CERTIFICATE/);
  extension = await startExtensionServer('wardle.default.svc', data['requestheader-client-ca-file']!);
  // An address of this machine that is no loopback, as an endpoint's must be: the API's own one.
  const own = await client.list(endpointSlices, { namespace: 'default', labelSelector: 'kubernetes.io/service-name=kubernetes' }, signal);
  const [address] = own.items[0]!.endpoints![0]!.addresses;
  await apply({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'wardle', namespace: 'default' }, spec: { ports: [{ name: 'https', port: 443 }] } });
  await apply({ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: { name: 'wardle-1', namespace: 'default', labels: { 'kubernetes.io/service-name': 'wardle' } }, addressType: 'IPv4', ports: [{ name: 'https', port: extension.port }], endpoints: [{ addresses: [address] }] });
  await apply({ apiVersion: 'apiregistration.k8s.io/v1', kind: 'APIService', metadata: { name }, spec: { group, version, groupPriorityMinimum: 1500, versionPriority: 15, caBundle: extension.caBundle, service: { namespace: 'default', name: 'wardle' } } });
  await house.kubectl('wait', '--for=condition=Available', `apiservice/${name}`, '--timeout=30s');
});
after(async () => {
  await house?.[Symbol.asyncDispose]();
  await extension?.[Symbol.asyncDispose]();
});

for (const kubectl of ['1.20', '1.36'] as const satisfies readonly KubectlVersion[]) {
  describe(`kubectl ${kubectl}`, () => {
    const suffix = kubectl.replace('.', '-');
    const attempt = (line: string, input?: object) => house.tryKubectl(line.split(' '), { version: kubectl, ...(input ? { input: JSON.stringify(input) } : {}) });
    const run = async (line: string, input?: object) => {
      const ran = await attempt(line, input);
      assert.equal(ran.code, 0, `kubectl ${line}: ${ran.stderr}`);
      return ran.stdout;
    };

    test('finds the resources, makes, shows and deletes objects', async () => {
      assert.match(await run('get apiservices'), new RegExp(`^${name.replaceAll('.', '\\.')} +default/wardle +True `, 'm'));
      assert.match(await run('get apiservices'), /^v1\.apps +Local +True /m);
      assert.match(await run('api-resources'), /^flunders +fl +wardle\.example\.com\/v1alpha1 +true +Flunder$/m);
      assert.match(await run('api-versions'), /^wardle\.example\.com\/v1alpha1$/m);
      const one = { apiVersion: `${group}/${version}`, kind: 'Flunder', metadata: { name: `one-${suffix}`, namespace: 'default' }, spec: { reference: 'this' } };
      assert.match(await run('create -f -', one), /flunder\.wardle\.example\.com\/one-\S+ created/);
      assert.match(await run('get flunders'), new RegExp(`^NAME +REFERENCE\\none-\\S+ +this$`, 'm'));
      assert.equal(await run(`get fl one-${suffix} -o jsonpath={.spec.reference}`), 'this');
      assert.match(await run('explain flunder.spec.reference'), /What it refers to\./);
      assert.match(await run(`delete flunder one-${suffix}`), /deleted/);
      assert.match((await attempt(`get flunder one-${suffix}`)).stderr, /NotFound/);
      assert.equal(extension.asked.at(-1)!.user, 'kubernetes-admin');
    });
  });
}

test('endpoints that go and come back are seen, and kubectl goes on meanwhile', async () => {
  await house.kubectl('delete', 'endpointslice', 'wardle-1');
  await house.kubectl('wait', '--for=condition=Available=False', `apiservice/${name}`, '--timeout=30s');
  assert.match(await house.kubectl('get', 'apiservice', name), /False \(EndpointsNotFound\)/);
  assert.match((await house.tryKubectl(['get', 'flunders'])).stderr, /the server is currently unable to handle the request|doesn't have a resource type/);
  assert.match(await house.kubectl('get', 'nodes'), / Ready /);
  assert.match(await house.kubectl('create', 'configmap', 'meanwhile'), /created/);
});
