// Definitions as people bring them, with stock kubectl old and new, and an operator's informer.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import * as k8s from '@kubernetes/client-node';
import { startRealCluster, type KubectlVersion, type RealCluster } from '../support/real-cluster.ts';
import { certificates, prometheuses, websites } from '../support/definitions.ts';

let house: RealCluster;
before(async () => {
  house = await startRealCluster();
});
after(() => house?.[Symbol.asyncDispose]());

for (const version of ['1.20', '1.36'] as const satisfies readonly KubectlVersion[]) {
  describe(`kubectl ${version} with custom resources`, () => {
    const attempt = (args: readonly string[], input?: object) => house.tryKubectl(args, { version, input: input && JSON.stringify(input) });
    const run = async (args: readonly string[], input?: object) => {
      const ran = await attempt(args, input);
      assert.equal(ran.code, 0, `kubectl ${args.join(' ')}: ${ran.stderr}`);
      return ran.stdout;
    };
    const apply = (object: object) => run(['apply', '-f', '-'], object);

    test('applies definitions and waits until they are served', async () => {
      for (const definition of [certificates, prometheuses, websites]) {
        const { name } = definition.metadata;
        assert.match(await apply(definition), new RegExp(`${name} created`));
        await run(['wait', '--for=condition=Established', `crd/${name}`, '--timeout=10s']);
        assert.match(await apply(definition), new RegExp(`${name} unchanged`));
      }
      assert.match(await run(['api-resources', '--api-group=cert-manager.io']), /^certificates +cert,certs +cert-manager\.io\/v1 +true +Certificate$/m);
      assert.match(await run(['get', 'crd']), /^NAME +CREATED AT$/m);
    });

    test('explains what a schema says', async () => {
      assert.match(await run(['explain', 'certificates.spec.privateKey']), /The options of the private key/);
      assert.match(await run(['explain', 'websites.spec', '--recursive']), /replicas/);
    });

    test('makes, shows, changes and deletes objects', async () => {
      const site = { apiVersion: 'web.example.com/v1', kind: 'Website', metadata: { name: 'blog' }, spec: { domain: 'blog.example.com', ports: [{ name: 'http', port: 80, targetPort: 'web' }] } };
      assert.match(await apply(site), /blog created/);
      assert.match(await run(['get', 'ws']), /^NAME +DOMAIN +REPLICAS +READY +AGE\nblog +blog\.example\.com +1 +\d+s$/m);
      assert.match(await run(['get', 'web-all']), /blog/);
      await run(['patch', 'website', 'blog', '--type=merge', '-p', '{"spec":{"paused":true}}']);
      assert.match(await run(['scale', 'website', 'blog', '--replicas=3']), /scaled/);
      assert.equal(await run(['get', 'website', 'blog', '-o', 'jsonpath={.spec.replicas} {.metadata.generation}']), '3 3');
      assert.match((await attempt(['scale', 'website', 'blog', '--replicas=60'])).stderr, /spec: Invalid value: "object": a paused site is smaller than 50/);
      assert.match(await apply({ ...site, spec: { ...site.spec, domain: 'www.example.com' } }), /configured/);
      assert.equal(await run(['get', 'website', 'blog', '-o', 'jsonpath={.spec.domain} {.spec.replicas}']), 'www.example.com 3');
      const refused = await attempt(['apply', '-f', '-'], { ...site, spec: { ...site.spec, domain: 'NO', ports: [{ name: 'a', port: 0 }] } });
      assert.match(refused.stderr, /The Website "blog" is invalid/);
      assert.match(refused.stderr, /spec\.ports\[0\]\.port: Invalid value: 0: spec\.ports\[0\]\.port in body should be greater than or equal to 1/);
      const unknown = await attempt(['apply', '-f', '-'], { ...site, spec: { ...site.spec, nonsense: 1 } });
      assert.match(unknown.stderr, version === '1.20' ? /unknown field "nonsense"|ValidationError/ : /unknown field "spec\.nonsense"/);
      assert.match(await run(['apply', '--server-side', '--force-conflicts', '-f', '-'], site), /serverside-applied/);
      await run(['label', 'website', 'blog', 'a=b']);
      assert.match(await run(['get', 'websites', '-A', '-l', 'a=b', '-o', 'name']), /website\.web\.example\.com\/blog/);
      await run(['delete', 'website', 'blog']);
    });

    test('keeps what deep and open schemas hold', async () => {
      await apply({ apiVersion: 'monitoring.coreos.com/v1', kind: 'Prometheus', metadata: { name: 'main' }, spec: { replicas: 2, retention: '24h', podMetadata: { labels: { a: 'b' } }, containers: [{ name: 'main', image: 'x', ports: [{ containerPort: 9090 }], unlisted: { deep: [1, { two: true }] } }], storage: { volumeClaimTemplate: { metadata: { name: 'data' }, spec: { resources: { requests: { storage: '1Gi' } } } } } } });
      const spec = JSON.parse(await run(['get', 'prometheus', 'main', '-o', 'json'])).spec;
      assert.deepEqual(spec.containers[0].unlisted, { deep: [1, { two: true }] });
      assert.deepEqual(spec.storage.volumeClaimTemplate.spec, { resources: { requests: { storage: '1Gi' } } });
      await apply({ apiVersion: 'cert-manager.io/v1', kind: 'Certificate', metadata: { name: 'web' }, spec: { secretName: 'web-tls', issuerRef: { name: 'ca' }, dnsNames: ['example.com'], privateKey: { algorithm: 'ECDSA' } } });
      assert.match(await run(['get', 'certs']), /^NAME +READY +SECRET +AGE\nweb +web-tls/m);
      const bad = await attempt(['apply', '-f', '-'], { apiVersion: 'cert-manager.io/v1', kind: 'Certificate', metadata: { name: 'bad' }, spec: { secretName: 'x', issuerRef: { name: 'ca' }, privateKey: { algorithm: 'DSA' } } });
      assert.match(bad.stderr, /spec\.privateKey\.algorithm: Unsupported value: "DSA": supported values: "RSA", "ECDSA", "Ed25519"/);
    });

    test('a definition goes with all that it holds', async () => {
      for (const { metadata: { name } } of [certificates, prometheuses, websites]) await run(['delete', 'crd', name, '--timeout=30s']);
      assert.match((await attempt(['get', 'websites'])).stderr, /could not find the requested resource|doesn't have a resource type/);
    });
  });
}

test("an operator's informer sees its objects and writes their status", { timeout: 120_000 }, async () => {
  const config = new k8s.KubeConfig();
  config.loadFromFile(house.cluster.kubeconfig);
  const custom = config.makeApiClient(k8s.CustomObjectsApi);
  assert.equal((await house.tryKubectl(['apply', '-f', '-'], { version: '1.36', input: JSON.stringify(websites) })).code, 0);
  const of = { group: 'web.example.com', version: 'v1', namespace: 'default', plural: 'websites' };
  assert.equal((await house.tryKubectl(['wait', '--for=condition=Established', 'crd/websites.web.example.com'], { version: '1.36' })).code, 0);
  const informer = k8s.makeInformer<any>(config, '/apis/web.example.com/v1/namespaces/default/websites', () => custom.listNamespacedCustomObject(of) as never);
  const ready = new Promise<void>((resolve, reject) => {
    informer.on('add', (site) => {
      custom.patchNamespacedCustomObjectStatus({ ...of, name: site.metadata.name, body: [{ op: 'add', path: '/status', value: { readyReplicas: site.spec.replicas } }] }).catch(reject);
    });
    informer.on('update', (site) => site.status?.readyReplicas === 1 && resolve());
  });
  await informer.start();
  await custom.createNamespacedCustomObject({ ...of, body: { apiVersion: 'web.example.com/v1', kind: 'Website', metadata: { name: 'operated' }, spec: { domain: 'a.example.com' } } });
  await ready;
  await informer.stop();
});
