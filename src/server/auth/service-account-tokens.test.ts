import assert from 'node:assert/strict';
import { createPublicKey, verify } from 'node:crypto';
import { test } from 'node:test';
import { nodes, pods, secrets, serviceAccounts } from '../../api/kinds/index.ts';
import { VirtualClock } from '../../base/virtual-clock.ts';
import { formatTime } from '../../base/clock.ts';
import { startTestServer, admin, never, type TestServer } from '../test-server.ts';
import { createServiceAccountTokens, createSigningKey, type ServiceAccountTokens } from './service-account-tokens.ts';
import { isStanding, issuer, userOf, type TokenClaims } from './token-claims.ts';

const account = { name: 'web', uid: 'sa-1' };
const claimsAt = (clock: VirtualClock, more: Partial<TokenClaims> = {}, bound: object = {}): Omit<TokenClaims, 'iss'> => {
  const now = clock.wallMs() / 1000;
  return { sub: 'system:serviceaccount:shop:web', aud: [issuer], iat: now, nbf: now, exp: now + 600, jti: 'j', 'kubernetes.io': { namespace: 'shop', serviceaccount: account, ...bound }, ...more };
};

/** Objects by plural and name, as much of them as is asked. */
function worldOf(objects: Record<string, { uid: string; deletionTimestamp?: string }>) {
  return { get: (of: { plural: string }, { name }: { name: string }) => (objects[`${of.plural}/${name}`] && { metadata: objects[`${of.plural}/${name}`] }) as never };
}

test('a token of ours is its account, and says so in Kubernetes’ words', async () => {
  const clock = new VirtualClock();
  const tokens = createServiceAccountTokens({ signingKeyPem: createSigningKey(), clock });
  const token = await tokens.sign(claimsAt(clock, {}, { pod: { name: 'web-1', uid: 'pod-1' }, node: { name: 'n1', uid: 'node-1' } }));
  const world = worldOf({ 'serviceaccounts/web': { uid: 'sa-1' }, 'pods/web-1': { uid: 'pod-1' } });
  const user = await tokens.authenticate(token, world);
  assert.deepEqual(user, {
    username: 'system:serviceaccount:shop:web',
    uid: 'sa-1',
    groups: ['system:serviceaccounts', 'system:serviceaccounts:shop', 'system:authenticated'],
    extra: {
      'authentication.kubernetes.io/credential-id': ['JTI=j'],
      'authentication.kubernetes.io/pod-name': ['web-1'],
      'authentication.kubernetes.io/pod-uid': ['pod-1'],
      'authentication.kubernetes.io/node-name': ['n1'],
      'authentication.kubernetes.io/node-uid': ['node-1'],
    },
  });
  assert.ok(!(tokens.authenticate(token, world) instanceof Promise), 'a token that was checked is known at once');
});

test('it is refused for another audience, from another key, bent, or out of its time', async () => {
  const clock = new VirtualClock();
  const options = { signingKeyPem: createSigningKey(), clock };
  const tokens = createServiceAccountTokens(options);
  const world = worldOf({ 'serviceaccounts/web': { uid: 'sa-1' } });
  const good = await tokens.sign(claimsAt(clock));
  const [head, , signature] = good.split('.');
  const bent = `${head}.${Buffer.from(JSON.stringify(claimsAt(clock, { sub: 'system:serviceaccount:shop:boss' }))).toString('base64url')}.${signature}`;
  const unsigned = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${good.split('.')[1]}.AA`;
  const foreign = await createServiceAccountTokens({ ...options, signingKeyPem: createSigningKey() }).sign(claimsAt(clock));
  const elsewhere = await tokens.sign(claimsAt(clock, { aud: ['vault'] }));
  for (const token of [bent, unsigned, foreign, elsewhere, 'abc', 'a.b.c', '', `${good}x`.repeat(50)]) assert.equal(await tokens.authenticate(token, world), undefined, token.slice(0, 40));
  assert.ok(await tokens.authenticate(await tokens.sign(claimsAt(clock, { aud: ['vault', issuer] })), world));

  assert.ok(await tokens.authenticate(good, world));
  await clock.advance(601_000);
  assert.ok(await tokens.authenticate(good, world), 'a minute is given to clocks that differ');
  await clock.advance(60_000);
  assert.equal(await tokens.authenticate(good, world), undefined, 'also when it was checked before');
  assert.equal(await createServiceAccountTokens(options).authenticate(good, world), undefined);
});

test('it ends with what it is bound to', () => {
  const clock = new VirtualClock();
  const whole = (bound: object) => ({ iss: issuer, ...claimsAt(clock, {}, bound) });
  const stands = (bound: object, objects: Parameters<typeof worldOf>[0]) => isStanding(whole(bound), worldOf(objects), clock.wallMs());
  const sa = { 'serviceaccounts/web': { uid: 'sa-1' } };
  const pod = { pod: { name: 'p', uid: '1' } };
  assert.ok(stands({}, sa));
  assert.ok(!stands({}, {}));
  assert.ok(!stands({}, { 'serviceaccounts/web': { uid: 'sa-2' } }), 'one of the same name is not the same');
  for (const [what, plural] of [['pod', pods.plural], ['secret', secrets.plural], ['node', nodes.plural]] as const) {
    const bound = { [what]: { name: 'p', uid: '1' } };
    assert.ok(stands(bound, { ...sa, [`${plural}/p`]: { uid: '1' } }));
    assert.ok(!stands(bound, sa));
    assert.ok(!stands(bound, { ...sa, [`${plural}/p`]: { uid: '2' } }));
  }
  assert.ok(stands({ ...pod, node: { name: 'gone' } }, { ...sa, 'pods/p': { uid: '1' } }), 'the node of a Pod’s token is only told');
  const ending = (sinceMs: number) => ({ ...sa, 'pods/p': { uid: '1', deletionTimestamp: formatTime(clock.wallMs() - sinceMs) } });
  assert.ok(stands(pod, ending(-30_000)), 'while it ends it may still speak');
  assert.ok(stands(pod, ending(59_000)));
  assert.ok(!stands(pod, ending(62_000)));
  assert.equal(userOf(whole({})).uid, 'sa-1');
});

test('anyone can check a signature with the key that is published', async () => {
  const clock = new VirtualClock();
  const tokens: ServiceAccountTokens = createServiceAccountTokens({ signingKeyPem: createSigningKey(), clock });
  const [head, body, signature] = (await tokens.sign(claimsAt(clock))).split('.') as [string, string, string];
  const { keys: [key] } = tokens.keySet as { keys: { kid: string }[] };
  assert.deepEqual(JSON.parse(Buffer.from(head, 'base64url').toString()), { alg: 'ES256', kid: key!.kid });
  const publicKey = createPublicKey({ key: key as never, format: 'jwk' });
  assert.ok(verify('sha256', Buffer.from(`${head}.${body}`), { key: publicKey, dsaEncoding: 'ieee-p1363' }, Buffer.from(signature, 'base64url')));
  assert.equal((tokens.openIdConfiguration as { issuer: string }).issuer, issuer);
});

test('TokenRequest', async (t) => {
  await using server = await startTestServer();
  const { call } = server;
  await call('create', serviceAccounts, { namespace: 'default', body: { metadata: { name: 'web' } } });
  await call('create', pods, { namespace: 'default', body: { metadata: { name: 'p' }, spec: { serviceAccountName: 'web', nodeName: 'n1', containers: [{ name: 'c', image: 'i' }] } } });
  const pod = await call('get', pods, { namespace: 'default', name: 'p' });

  await t.test('gives a token for an hour, for the API', async () => {
    const answer = await request(server, {});
    assert.equal(answer.kind, 'TokenRequest');
    assert.equal(answer.apiVersion, 'authentication.k8s.io/v1');
    assert.deepEqual(answer.spec, { audiences: [issuer], expirationSeconds: 3600 });
    assert.equal(answer.status.expirationTimestamp, formatTime(server.clock.wallMs() + 3_600_000));
    const claims = claimsOf(answer);
    assert.equal(claims.sub, 'system:serviceaccount:default:web');
    assert.equal(claims.exp - claims.iat, 3600);
    assert.equal(claims['kubernetes.io'].pod, undefined);
  });

  await t.test('binds it to a Pod, and tells of its node', async () => {
    const claims = claimsOf(await request(server, { boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: 'p', uid: pod.metadata.uid }, audiences: ['vault'] }));
    assert.deepEqual(claims.aud, ['vault']);
    assert.deepEqual(claims['kubernetes.io'].pod, { name: 'p', uid: pod.metadata.uid });
    assert.deepEqual(claims['kubernetes.io'].node, { name: 'n1' });
    assert.equal(claims['kubernetes.io'].warnafter, undefined);
  });

  await t.test('one that every Pod gets outlives the hour after which it should be renewed', async () => {
    const answer = await request(server, { expirationSeconds: 3607, boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: 'p' } });
    const claims = claimsOf(answer);
    assert.equal(claims.exp - claims.iat, 365 * 24 * 3600);
    assert.equal(claims['kubernetes.io'].warnafter! - claims.iat, 3607);
    assert.equal(answer.status.expirationTimestamp, formatTime(server.clock.wallMs() + 3_607_000));
  });

  await t.test('refusals', async () => {
    const refused = async (spec: object, code: number, message: RegExp, name = 'web', metadata = {}) => assert.rejects(request(server, spec, name, metadata), { code, message });
    await refused({ expirationSeconds: 599 }, 422, /^TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: Invalid value: 599: may not specify a duration less than 10 minutes$/);
    await refused({ expirationSeconds: 2 ** 32 + 1 }, 422, /Invalid value: 4294967297: may not specify a duration larger than 2\^32 seconds$/);
    await refused({}, 404, /^serviceaccounts "nobody" not found$/, 'nobody');
    await refused({}, 422, /metadata.name: Invalid value: "other": must match the service account name if specified$/, 'web', { name: 'other' });
    await refused({ boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: 'q' } }, 404, /^pods "q" not found$/);
    await refused({ boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'old' } }, 409, /^Operation cannot be fulfilled on Pod "p": the UID in the bound object reference \(old\) does not match the UID in record\./);
    await refused({ boundObjectRef: { apiVersion: 'v1', kind: 'ConfigMap', name: 'p' } }, 400, /^cannot bind token to object of type v1, Kind=ConfigMap$/);
    await call('create', serviceAccounts, { namespace: 'default', body: { metadata: { name: 'other' } } });
    await refused({ boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: 'p' } }, 400, /^cannot bind token for serviceaccount "other" to pod running with different serviceaccount name\.$/, 'other');
  });

  await t.test('the account itself is not written', async () => {
    const before = await call('get', serviceAccounts, { namespace: 'default', name: 'web' });
    await request(server, {});
    assert.equal((await call('get', serviceAccounts, { namespace: 'default', name: 'web' })).metadata.resourceVersion, before.metadata.resourceVersion);
  });
});

function request(server: TestServer, spec: object, name = 'web', metadata: object = {}): Promise<any> {
  const { group, version, plural } = serviceAccounts;
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', metadata, spec };
  return server.server.transport(admin).call({ verb: 'create', resource: { group, version, plural }, namespace: 'default', name, subresource: 'token', options: {}, body }, never);
}

function claimsOf(answer: { status: { token: string } }): TokenClaims {
  return JSON.parse(Buffer.from(answer.status.token.split('.')[1]!, 'base64url').toString());
}
