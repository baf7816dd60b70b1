// Certificates on request, over the whole API: who may ask, approve and sign; what is approved by itself; renewal and cleaning up in
// their time, on a virtual clock; bootstrap tokens.
import assert from 'node:assert/strict';
import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { makeCertificateRequest } from '../../src/api/certificates/request.ts';
import { signedWith } from '../../src/api/certificates/bootstrap-token.ts';
import { signerNames } from '../../src/api/certificates/signers.ts';
import { certificateSigningRequests, configMaps, namespaces, nodes, pods, secrets } from '../../src/api/kinds/index.ts';
import type { UserInfo } from '../../src/api/kind.ts';
import type { CertificateSigningRequest, ConfigMap, New, Node, Secret } from '../../src/api/types.ts';
import { formatTime, parseTime } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { seededRandom } from '../../src/base/random.ts';
import { VirtualClock } from '../../src/base/virtual-clock.ts';
import { Client } from '../../src/client/client.ts';
import { createJoinToken } from '../../src/cluster/join-tokens.ts';
import { wantedClientCertificate, wantedServingCertificate } from '../../src/cluster/node-identity.ts';
import { createControllers } from '../../src/controllers/create-controllers.ts';
import { createCertificateKeeper } from '../../src/node/certificates/certificate-keeper.ts';
import { requestCertificate, type CertificatePair } from '../../src/node/certificates/request-certificate.ts';
import { admissions } from '../../src/server/admission/admissions.ts';
import { bootstrapUserOf } from '../../src/server/auth/bootstrap-tokens.ts';
import { createAuthorizer, identities } from '../../src/server/auth/authorize.ts';
import { createAuthority, signRequest } from '../../src/server/auth/certificates.ts';
import { startTestServer } from '../../src/server/test-server.ts';

const bootstrapper: UserInfo = { username: 'system:bootstrap:abcdef', groups: ['system:bootstrappers', 'system:authenticated'] };
const ann: UserInfo = { username: 'ann', groups: ['dev', 'system:authenticated'] };
/** So that its renewal is not far. */
const longestSeconds = 7200;
const minuteMs = 60_000;

async function start() {
  const authorize = createAuthorizer();
  const house = await startTestServer({ admission: admissions({ authorize }), authorize });
  const { clock } = house;
  const authority = await createAuthority('test-ca', clock);
  const stop = new AbortController();
  const as = (user: UserInfo) => new Client(house.server.transport(user));
  const admin = as(identities.apiServer);
  for (const name of ['kube-system', 'kube-public']) await admin.create(namespaces, { metadata: { name }, spec: {} }, stop.signal);
  const running = createControllers({
    client: as(identities.controllerManager), clock, random: seededRandom(1), log: silentLog, rootCa: authority.certPem,
    certificates: { sign: (request, usages, lastsSeconds) => signRequest(authority, request, usages, Math.min(lastsSeconds, longestSeconds), clock), reserved: ['192.0.2.1', 'kubernetes'] },
    clusterInfo: 'the kubeconfig',
  }).run(stop.signal);
  return {
    ...house, authority, admin, as, signal: stop.signal,
    async [Symbol.asyncDispose]() {
      stop.abort();
      let over = false;
      void running.finally(() => (over = true));
      while (!over) {
        await clock.advance(1000);
        await new Promise((resolve) => setImmediate(resolve));
      }
      await house[Symbol.asyncDispose]();
    },
  };
}

function asked(commonName: string, organizations: string[], signerName: string, usages: string[], more: object = {}): New<CertificateSigningRequest> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const request = Buffer.from(makeCertificateRequest(createPrivateKey(privateKey.export({ type: 'pkcs8', format: 'pem' })), { commonName, organizations })).toString('base64');
  return { metadata: { generateName: 'csr-' }, spec: { request, signerName, usages, ...more } } as New<CertificateSigningRequest>;
}

/** The signer's work takes real time, and what waits for it virtual. */
async function eventually<T>(clock: VirtualClock, look: () => Promise<T | undefined | false>): Promise<T> {
  for (const untilMs = performance.now() + 90_000; performance.now() < untilMs; ) {
    const found = await look();
    if (found) return found;
    await clock.advance(1);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  throw new Error('it did not come true');
}

test('a request is approved and signed by those who may, in the words of Kubernetes', async () => {
  await using house = await start();
  const { admin, as, signal, clock, authority } = house;
  const usages = ['client auth', 'digital signature'];
  await house.call('create', { group: 'rbac.authorization.k8s.io', version: 'v1', plural: 'clusterroles' }, { body: { metadata: { name: 'asks' }, rules: [{ apiGroups: ['certificates.k8s.io'], resources: ['certificatesigningrequests', 'certificatesigningrequests/approval'], verbs: ['create', 'get', 'update'] }] } });
  await house.call('create', { group: 'rbac.authorization.k8s.io', version: 'v1', plural: 'clusterrolebindings' }, { body: { metadata: { name: 'asks' }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'asks' }, subjects: [{ kind: 'User', name: 'ann' }] } });
  const made = await as(ann).create(certificateSigningRequests, asked('ann', ['dev'], signerNames.apiServerClient, usages, { username: 'root', expirationSeconds: 3600 }), signal);
  assert.deepEqual([made.spec.username, made.spec.groups], ['ann', ['dev', 'system:authenticated']]);
  const approved = (one: CertificateSigningRequest, type = 'Approved') => ({ ...one, status: { conditions: [...(one.status.conditions ?? []), { type, status: 'True', reason: 'Test', message: 'by hand' }] } }) as CertificateSigningRequest;
  await assert.rejects(as(ann).update(certificateSigningRequests, approved(made), signal, 'approval'), { code: 403, message: /user not permitted to approve requests with signerName "kubernetes.io\/kube-apiserver-client"/ });
  const seen = await admin.update(certificateSigningRequests, approved(made), signal, 'approval');
  await assert.rejects(admin.update(certificateSigningRequests, { ...seen, status: { conditions: [] } }, signal, 'approval'), { code: 422, message: /updates may not remove a condition of type "Approved"/ });
  await assert.rejects(admin.update(certificateSigningRequests, approved(await admin.get(certificateSigningRequests, { namespace: '', name: made.metadata.name }, signal), 'Denied'), signal, 'approval'), { code: 422, message: /Approved and Denied conditions are mutually exclusive/ });
  const issued = await eventually(clock, async () => {
    const one = await admin.get(certificateSigningRequests, { namespace: '', name: made.metadata.name }, signal);
    return one.status.certificate ? one : undefined;
  });
  const certificate = new X509Certificate(Buffer.from(issued.status.certificate!, 'base64'));
  assert.ok(certificate.checkIssued(new X509Certificate(authority.certPem)));
  assert.match(certificate.subject, /O=dev\nCN=ann/);
  assert.ok(Math.abs(parseTime(certificate.validTo) - clock.wallMs() - 3_600_000) < 60_000);
  await assert.rejects(admin.updateStatus(certificateSigningRequests, { ...issued, status: { ...issued.status, certificate: Buffer.from('other').toString('base64') } }, signal), { code: 422, message: /updates may not modify existing certificate content/ });

  await assert.rejects(as(ann).create(certificateSigningRequests, asked('x', ['system:masters'], signerNames.apiServerClient, usages), signal), { code: 403, message: /use of kubernetes.io\/kube-apiserver-client signer with system:masters group is not allowed/ });
  const bad = { metadata: { name: 'bad' }, spec: { request: Buffer.from('nonsense').toString('base64'), signerName: 'nodomain', usages: ['fun', 'fun'], expirationSeconds: 5 } } as New<CertificateSigningRequest>;
  await assert.rejects(admin.create(certificateSigningRequests, bad, signal), (error: Error) => {
    for (const words of [/PEM block type must be CERTIFICATE REQUEST/, /spec.usages\[0\]: Unsupported value: "fun"/, /spec.usages\[1\]: Duplicate value: "fun"/, /must be a fully qualified domain and path of the form 'example.com\/signer-name'/, /may not specify a duration less than 600 seconds/]) assert.match(error.message, words);
    return true;
  });
  await assert.rejects(admin.create(certificateSigningRequests, asked('x', [], signerNames.legacyUnknown, usages), signal), /the legacy signerName is not allowed via this API version/);

  const wrong = await admin.create(certificateSigningRequests, asked('x', [], signerNames.apiServerClient, ['server auth']), signal);
  await admin.update(certificateSigningRequests, approved(wrong), signal, 'approval');
  const failed = await eventually(clock, async () => {
    const one = await admin.get(certificateSigningRequests, { namespace: '', name: wrong.metadata.name }, signal);
    return one.status.conditions?.find(({ type }) => type === 'Failed');
  });
  assert.equal(failed.reason, 'SignerValidationFailure');
});

test("nodes get their certificates by themselves: their own, and nobody else's", async () => {
  await using house = await start();
  const { admin, as, signal, clock } = house;
  const ask = (user: UserInfo, wanted: ReturnType<typeof wantedClientCertificate>) => requestCertificate(wanted, as(user), signal);
  const settled = <T>(promise: Promise<T>) => {
    let value: T | undefined;
    void promise.then((found) => (value = found));
    return eventually(clock, async () => value);
  };
  const pending = async (user: UserInfo, wanted: ReturnType<typeof wantedClientCertificate>) => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const request = Buffer.from(makeCertificateRequest(privateKey, wanted)).toString('base64');
    const { metadata: { name } } = await as(user).create(certificateSigningRequests, { metadata: { generateName: 'csr-' }, spec: { request, signerName: wanted.signerName, usages: [...wanted.usages] } } as New<CertificateSigningRequest>, signal);
    // What is decided after it was made after it.
    await settled(ask(bootstrapper, wantedClientCertificate('marker')));
    const { status } = await admin.get(certificateSigningRequests, { namespace: '', name }, signal);
    assert.deepEqual(status.conditions ?? [], []);
  };
  const first = await settled(ask(bootstrapper, wantedClientCertificate('b')));
  assert.match(new X509Certificate(first.cert).subject, /O=system:nodes\nCN=system:node:b/);
  const node = identities.node('b');
  await settled(ask(node, wantedClientCertificate('b')));
  // No node can become another.
  await pending(node, wantedClientCertificate('c'));
  // Nor serve before anyone knows where it is, or as somebody else.
  await admin.create(nodes, { metadata: { name: 'other' }, spec: {}, status: { addresses: [{ type: 'InternalIP', address: '192.0.2.9' }] } } as unknown as New<Node>, signal);
  await admin.create(nodes, { metadata: { name: 'b' }, spec: {}, status: { addresses: [{ type: 'InternalIP', address: '192.0.2.7' }, { type: 'InternalIP', address: '192.0.2.1' }, { type: 'InternalIP', address: '192.0.2.9' }] } } as unknown as New<Node>, signal);
  const serving = await settled(ask(node, wantedServingCertificate('b', '192.0.2.7')));
  assert.equal(new X509Certificate(serving.cert).checkIP('192.0.2.7'), '192.0.2.7');
  for (const address of ['192.0.2.1', '192.0.2.9', '192.0.2.8']) await pending(node, wantedServingCertificate('b', address));
  await pending(bootstrapper, wantedServingCertificate('b', '192.0.2.7'));
});

test('a certificate is renewed before it ends, and requests are cleaned up', async () => {
  await using house = await start();
  const { admin, as, signal, clock, authority } = house;
  const kept: { pair: CertificatePair; atMs: number }[] = [];
  const life = new AbortController();
  const keeper = createCertificateKeeper({
    name: 'test', wanted: wantedClientCertificate('b'), present: undefined, client: as(identities.node('b')), clock, random: seededRandom(7), log: silentLog,
    renewed: (pair) => kept.push({ pair, atMs: clock.wallMs() }),
  }).run(life.signal);
  await eventually(clock, async () => kept.length === 1);
  const requests = async () => (await admin.list(certificateSigningRequests, {}, signal)).items.map(({ metadata }) => metadata.name);
  const [first, ...more] = await requests();
  assert.deepEqual(more, []);
  // Keys and signatures take real time, in which the clock must not go on: at the next request it stands.
  for (let minute = 0; kept.length === 1 && (await requests()).every((name) => name === first); minute++) {
    assert.ok(minute < 120, 'it was never renewed');
    await clock.advance(minuteMs);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await eventually(clock, async () => kept.length === 2);
  const [one, two] = kept.map(({ pair, atMs }) => ({ certificate: new X509Certificate(pair.cert), atMs }));
  const share = (two!.atMs - one!.atMs) / (parseTime(one!.certificate.validTo) - one!.atMs);
  assert.ok(share > 0.68 && share < 0.92, `renewed after ${share} of its time`);
  assert.notEqual(kept[0]!.pair.key, kept[1]!.pair.key);
  assert.ok(two!.certificate.checkIssued(new X509Certificate(authority.certPem)));
  life.abort();
  await keeper;
  await clock.advance(61 * minuteMs);
  await eventually(clock, async () => (await requests()).length === 0);
});

test('a bootstrap token lets its holder ask, signs cluster-info, and is gone when its time is over', async () => {
  await using house = await start();
  const { admin, signal, clock } = house;
  const token = await createJoinToken(admin, { ttlMs: 3_600_000 }, clock, signal);
  const [id = '', secret = ''] = token.split('.');
  const world = { get: (of: never, key: never) => objects.get(JSON.stringify([(of as { plural: string }).plural, key])) as never };
  const objects = new Map<string, unknown>();
  const stored = await admin.get(secrets, { namespace: 'kube-system', name: `bootstrap-token-${id}` }, signal);
  objects.set(JSON.stringify(['secrets', { namespace: 'kube-system', name: `bootstrap-token-${id}` }]), stored);
  assert.deepEqual(bootstrapUserOf(token, world, clock), { username: `system:bootstrap:${id}`, groups: ['system:bootstrappers', 'system:authenticated'] });
  assert.equal(bootstrapUserOf(`${id}.0000000000000000`, world, clock), undefined);
  for (const changed of [{ 'usage-bootstrap-authentication': 'false' }, { expiration: formatTime(clock.wallMs() - 1000) }, { expiration: 'soon' }, { 'auth-extra-groups': 'system:masters' }]) {
    const data = Object.fromEntries(Object.entries(changed).map(([key, value]) => [key, Buffer.from(value).toString('base64')]));
    objects.set(JSON.stringify(['secrets', { namespace: 'kube-system', name: `bootstrap-token-${id}` }]), { ...stored, data: { ...stored.data, ...data } } as Secret);
    assert.equal(bootstrapUserOf(token, world, clock), undefined, JSON.stringify(changed));
  }
  const info = () => admin.get(configMaps, { namespace: 'kube-public', name: 'cluster-info' }, signal).catch(() => undefined) as Promise<ConfigMap | undefined>;
  const signed = await eventually(clock, async () => (await info())?.data?.[`jws-kubeconfig-${id}`]);
  assert.equal(signed, signedWith({ id, secret }, 'the kubeconfig'));
  await clock.advance(3_600_000);
  await eventually(clock, async () => (await admin.list(secrets, { namespace: 'kube-system', fieldSelector: 'type=bootstrap.kubernetes.io/token' }, signal)).items.length === 0);
  await eventually(clock, async () => (await info())?.data?.[`jws-kubeconfig-${id}`] === undefined);
});

test('a node reads what its own Pods refer to, as long as they are there', async () => {
  await using house = await startTestServer({ authorize: createAuthorizer() });
  const never = new AbortController().signal;
  const admin = new Client(house.server.transport(identities.apiServer));
  await admin.create(namespaces, { metadata: { name: 'shop' }, spec: {} }, never);
  for (const name of ['env', 'from', 'mounted', 'projected', 'pull', 'other']) {
    await admin.create(secrets, { metadata: { name, namespace: 'shop' } } as New<Secret>, never);
    await admin.create(configMaps, { metadata: { name, namespace: 'shop' } } as New<ConfigMap>, never);
  }
  const [own, stranger] = ['a', 'b'].map((name) => new Client(house.server.transport(identities.node(name))));
  const may = (client: Client | undefined, of: typeof secrets, name: string) => client!.get(of, { namespace: 'shop', name }, never).then(() => true, (error: Error) => (assert.match(error.message, /no relationship found between node '.' and this object/), false));
  const spec = {
    nodeName: 'a', serviceAccountName: 'cart', imagePullSecrets: [{ name: 'pull' }],
    containers: [{ name: 'c', image: 'i', env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 'env', key: 'k' } } }], envFrom: [{ secretRef: { name: 'from' } }, { configMapRef: { name: 'from' } }] }],
    volumes: [{ name: 'm', secret: { secretName: 'mounted' } }, { name: 'p', projected: { sources: [{ secret: { name: 'projected' } }, { configMap: { name: 'projected' } }] } }],
  };
  assert.equal(await may(own, secrets, 'mounted'), false);
  for (const name of ['one', 'two']) await house.call('create', pods, { namespace: 'shop', body: { metadata: { name }, spec } });
  for (const name of ['env', 'from', 'mounted', 'projected', 'pull']) {
    assert.equal(await may(own, secrets, name), true, name);
    assert.equal(await may(stranger, secrets, name), false, name);
  }
  assert.equal(await may(own, secrets, 'other'), false);
  for (const name of ['from', 'projected']) assert.equal(await may(own, configMaps as never, name), true, name);
  assert.equal(await may(own, configMaps as never, 'mounted'), false);
  const listed = await own!.list(secrets, { namespace: 'shop', fieldSelector: 'metadata.name=env' }, never);
  assert.equal(listed.items.length, 1);
  await assert.rejects(own!.list(secrets, { namespace: 'shop' }, never), { code: 403 });
  await assert.rejects(own!.list(secrets, { namespace: 'shop', fieldSelector: 'metadata.name!=other' }, never), { code: 403 });
  await house.call('delete', pods, { namespace: 'shop', name: 'one', body: { gracePeriodSeconds: 0 } });
  assert.equal(await may(own, secrets, 'mounted'), true);
  await house.call('delete', pods, { namespace: 'shop', name: 'two', body: { gracePeriodSeconds: 0 } });
  assert.equal(await may(own, secrets, 'mounted'), false);
});
