// C22, C20: what a Pod is to the API. Its token, where it lies, what it opens, and when it ends; asked from inside containers.
import assert from 'node:assert/strict';
import { createPublicKey, verify } from 'node:crypto';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { connect } from 'node:tls';
import { configMaps } from '../../src/api/kinds/config-map.ts';
import { pods } from '../../src/api/kinds/pod.ts';
import { serviceAccounts } from '../../src/api/kinds/service-account.ts';
import { services } from '../../src/api/kinds/service.ts';
import { HttpTransport } from '../../src/client/http-transport.ts';
import { Client } from '../../src/client/client.ts';
import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import { pod } from '../support/manifests.ts';
import { startRealCluster, type RealCluster } from '../support/real-cluster.ts';

const at = '/var/run/secrets/kubernetes.io/serviceaccount';
const signal = AbortSignal.timeout(280_000);

describe('C22 service account tokens', () => {
  let house: RealCluster;
  before(async () => {
    house = await startRealCluster();
    await house.cluster.client.create(pods, pod('p', [{}, {}]) as never, signal);
    const machine = { volumeMounts: [{ name: 'machine', mountPath: '/machine', readOnly: true }] };
    await house.cluster.client.create(pods, pod('caller', [machine], { volumes: [{ name: 'machine', hostPath: { path: '/' } }] }) as never, signal);
    await Promise.all([house.untilReady('p'), house.untilReady('caller')]);
  });
  after(() => house?.[Symbol.asyncDispose]());

  const shell = (name: string, script: string) => house.kubectl('exec', name, '-c', 'c0', '--', 'sh', '-c', script);
  /**
   * Calls the API from inside a Pod as any program does, by the environment and the files there, checking who answers. The
   * machine's own Node.js is lent to the container: busybox's wget speaks no TLS that the API server would.
   */
  const call = async (path: string, token = `$(cat ${at}/token)`) => {
    const script = `const { env } = process;
      require('https').get({ host: env.KUBERNETES_SERVICE_HOST, port: env.KUBERNETES_SERVICE_PORT_HTTPS, path: env.WANTED, ca: env.CA, headers: env.TOKEN ? { authorization: 'Bearer ' + env.TOKEN } : {} }, (answer) => {
        let body = '';
        answer.on('data', (text) => (body += text)).on('end', () => console.log(JSON.stringify({ code: answer.statusCode, body: JSON.parse(body) })));
      });`;
    const text = await shell('caller', `TOKEN="${token}" CA="$(cat ${at}/ca.crt)" WANTED='${path}' chroot /machine '${process.execPath}' -e "${script}"`);
    return JSON.parse(text) as { code: number; body: any };
  };

  test('each container finds the token, the authority and its namespace, and cannot change them', async () => {
    for (const container of ['c0', 'c1']) {
      const read = (file: string) => house.kubectl('exec', 'p', '-c', container, '--', 'cat', `${at}/${file}`);
      const claims = claimsOf(await read('token'));
      const { metadata, spec } = await house.pod('p');
      assert.equal(claims.sub, 'system:serviceaccount:default:default');
      assert.equal(claims['kubernetes.io'].pod.uid, metadata.uid);
      assert.equal(claims['kubernetes.io'].node.name, spec.nodeName);
      assert.equal(claims['kubernetes.io'].warnafter - claims.iat, 3607);
      assert.match(await read('ca.crt'), /^-----BEGIN CERTIFICATE-----/);
      assert.equal(await read('namespace'), 'default');
    }
    assert.match(await shell('p', `touch ${at}/x 2>&1 || true`), /Read-only file system/);
  });

  test('with it a Pod reaches the API at its Service, and may see what it is and nothing more', async () => {
    const version = await call('/version');
    assert.deepEqual([version.code, version.body.major], [200, '1']);
    assert.equal((await call('/version', '')).code, 200);
    assert.equal((await call('/api')).body.kind, 'APIVersions');
    assert.equal((await call('/.well-known/openid-configuration')).body.issuer, 'https://kubernetes.default.svc.cluster.local');
    const refused = await call('/api/v1/namespaces/default/pods');
    assert.deepEqual([refused.code, refused.body.message], [403, 'pods is forbidden: User "system:serviceaccount:default:default" cannot list resource "pods" in API group "" in the namespace "default"']);
    assert.equal((await call('/api/v1/namespaces/default/pods', '')).code, 401);
    assert.equal((await call('/api', 'x.y.z')).code, 401);
  });

  test('the API’s certificate is good for the name and the address by which Pods know it', async () => {
    const { client } = house.cluster;
    const { clusterIP: host } = (await client.get(services, { namespace: 'default', name: 'kubernetes' }, signal)).spec;
    // From the node, which reaches the Service as Pods do; the handshake checks both.
    for (const servername of ['kubernetes.default.svc', undefined]) {
      const socket = connect({ host, port: 443, ca: await shell('p', `cat ${at}/ca.crt`), servername });
      await once(socket, 'secureConnect');
      assert.ok(socket.authorized);
      socket.destroy();
    }
  });

  test('not where the Pod or its account does not want it, nor over what is there', async () => {
    const { client } = house.cluster;
    await client.create(serviceAccounts, { metadata: { name: 'shy', namespace: 'default' }, automountServiceAccountToken: false } as never, signal);
    await client.create(pods, pod('shy', [{}], { serviceAccountName: 'shy' }) as never, signal);
    await client.create(pods, pod('own', [{ volumeMounts: [{ name: 'v', mountPath: at }] }], { volumes: [{ name: 'v', emptyDir: {} }] }) as never, signal);
    await Promise.all([house.untilReady('shy'), house.untilReady('own')]);
    assert.match(await shell('shy', `ls ${at} 2>&1 || true`), /No such file/);
    assert.equal(await shell('own', `ls ${at}`), '');
  });

  test('kubectl create token: for a time, an audience and an object', async () => {
    const token = (await house.kubectl('create', 'token', 'default')).trim();
    assert.equal(claimsOf(token).exp - claimsOf(token).iat, 3600);
    const bound = claimsOf((await house.kubectl('create', 'token', 'default', '--duration=20m', '--bound-object-kind=Pod', '--bound-object-name=p')).trim());
    assert.deepEqual([bound.exp - bound.iat, bound['kubernetes.io'].pod.name], [1200, 'p']);
    const foreign = (await house.kubectl('create', 'token', 'default', '--audience=vault')).trim();
    await assert.rejects(listAs(foreign), { code: 401 });
    const tooShort = await house.tryKubectl(['create', 'token', 'default', '--duration=1m']);
    assert.match(tooShort.stderr, /spec\.expirationSeconds: Invalid value: 60: may not specify a duration less than 10 minutes/);
    const keys = JSON.parse(await house.kubectl('get', '--raw', '/openid/v1/jwks')).keys;
    const [head, body, signature] = foreign.split('.') as [string, string, string];
    const key = createPublicKey({ key: keys[0], format: 'jwk' });
    assert.ok(verify('sha256', Buffer.from(`${head}.${body}`), { key, dsaEncoding: 'ieee-p1363' }, Buffer.from(signature, 'base64url')));
  });

  test('a token ends with its Pod, and with its account', async () => {
    const { client } = house.cluster;
    await client.create(serviceAccounts, { metadata: { name: 'brief', namespace: 'default' } }, signal);
    await client.create(pods, pod('brief', [{}], { serviceAccountName: 'brief' }) as never, signal);
    await house.untilReady('brief');
    const ofPod = await shell('brief', `cat ${at}/token`);
    const ofAccount = (await house.kubectl('create', 'token', 'brief')).trim();
    for (const token of [ofPod, ofAccount]) await assert.rejects(listAs(token), { code: 403 });
    await house.kubectl('delete', 'pod', 'brief');
    await assert.rejects(listAs(ofPod), { code: 401 });
    await assert.rejects(listAs(ofAccount), { code: 403 });
    await house.kubectl('delete', 'serviceaccount', 'brief');
    await assert.rejects(listAs(ofAccount), { code: 401 });
  });

  /** Lists Pods with nothing but the token. */
  async function listAs(token: string): Promise<unknown> {
    const { data } = await house.cluster.client.get(configMaps, { namespace: 'default', name: 'kube-root-ca.crt' }, signal);
    const transport = new HttpTransport({ server: house.cluster.server, ca: data!['ca.crt'], token: () => token, clock: systemClock, random: systemRandom });
    try {
      return await new Client(transport).list(pods, { namespace: 'default' }, signal);
    } finally {
      transport.close();
    }
  }
});

function claimsOf(token: string) {
  return JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString());
}
