import assert from 'node:assert/strict';
import { test } from 'node:test';
import { secrets, serviceAccounts, unstoredKinds } from '../../src/api/kinds/index.ts';
import type { Secret, ServiceAccount } from '../../src/api/types.ts';
import { startControlCluster, type ControlCluster } from './control-cluster.ts';

const tokenReviews = unstoredKinds.find(({ kind }) => kind === 'TokenReview')!;
const type = 'kubernetes.io/service-account-token';
const key = { namespace: 'default', name: 'web-token' };
const text = (data: string | undefined) => Buffer.from(data ?? '', 'base64').toString();

const makeAccount = ({ client, signal }: ControlCluster, name = 'web'): Promise<ServiceAccount> => client.create(serviceAccounts, { metadata: { name, namespace: 'default' } }, signal);
const makeSecret = ({ client, signal }: ControlCluster, annotations: Record<string, string>, name = key.name): Promise<Secret> => client.create(secrets, { metadata: { name, namespace: 'default', annotations }, type }, signal);
const filled = (cluster: ControlCluster, name = key.name) => cluster.until('a token', () => {
  const secret = cluster.informers.of(secrets).get({ ...key, name });
  return secret?.data?.['token'] ? secret : undefined;
});

async function ownerOf({ client, signal }: ControlCluster, token: string, audiences?: string[]): Promise<string | undefined> {
  const review = await client.create(tokenReviews as never, { metadata: {}, spec: { token, audiences } } as never, signal) as unknown as { status: { authenticated?: boolean; user: { username: string; uid: string } } };
  return review.status.authenticated ? `${review.status.user.username} ${review.status.user.uid}` : undefined;
}

test('a Secret that names an account is given a token, which is good for as long as the Secret holds it', async () => {
  await using cluster = await startControlCluster({ scheduler: false });
  const { client, signal } = cluster;
  const account = await makeAccount(cluster);
  await makeSecret(cluster, { 'kubernetes.io/service-account.name': 'web' });
  const secret = await filled(cluster);
  assert.deepEqual([text(secret.data!['ca.crt']), text(secret.data!['namespace'])], ['PEM', 'default']);
  assert.equal(secret.metadata.annotations?.['kubernetes.io/service-account.uid'], account.metadata.uid);
  const token = text(secret.data!['token']);
  assert.equal(JSON.parse(text(token.split('.')[1])).iss, 'kubernetes/serviceaccount');
  assert.equal(await ownerOf(cluster, token), `system:serviceaccount:default:web ${account.metadata.uid}`);
  assert.equal(await ownerOf(cluster, token, ['https://elsewhere']), undefined, 'it is for this server alone');
  const used = await cluster.until('the day of its use', () => cluster.informers.of(secrets).get(key)?.metadata.labels?.['kubernetes.io/legacy-token-last-used']);
  assert.match(used, /^\d{4}-\d\d-\d\d$/);

  await client.patch(secrets, key, { type: 'merge', body: { metadata: { labels: { 'kubernetes.io/legacy-token-invalid-since': '2026-01-01' } } } }, signal);
  assert.equal(await ownerOf(cluster, token), undefined, 'it was marked invalid');
  await client.patch(secrets, key, { type: 'merge', body: { metadata: { labels: { 'kubernetes.io/legacy-token-invalid-since': null } } } }, signal);
  assert.ok(await ownerOf(cluster, token));

  await client.patch(secrets, key, { type: 'merge', body: { data: { token: null } } }, signal);
  assert.equal(await ownerOf(cluster, token), undefined, 'the Secret holds it no longer');
  const again = await filled(cluster);
  assert.ok(await ownerOf(cluster, text(again.data!['token'])));
  await client.delete(secrets, key, {}, signal);
  assert.equal(await ownerOf(cluster, text(again.data!['token'])), undefined);
});

test('it goes with its account, and one for an account that is not there, or is another, goes at once', async () => {
  await using cluster = await startControlCluster({ scheduler: false });
  const { client, informers, signal } = cluster;
  const isGone = (name: string) => cluster.until(`${name} is gone`, () => !informers.of(secrets).get({ ...key, name }));
  await makeAccount(cluster);
  await makeSecret(cluster, { 'kubernetes.io/service-account.name': 'web' });
  const token = text((await filled(cluster)).data!['token']);
  await client.delete(serviceAccounts, { namespace: 'default', name: 'web' }, {}, signal);
  assert.equal(await ownerOf(cluster, token), undefined);
  await isGone(key.name);
  await makeAccount(cluster);
  assert.equal(await ownerOf(cluster, token), undefined, 'an account of the same name is another');

  await makeSecret(cluster, { 'kubernetes.io/service-account.name': 'web', 'kubernetes.io/service-account.uid': 'another' }, 'of-another');
  await makeSecret(cluster, { 'kubernetes.io/service-account.name': 'nobody' }, 'of-nobody');
  await isGone('of-another');
  await isGone('of-nobody');
  await assert.rejects(makeSecret(cluster, {}, 'of-none'), /metadata.annotations\[kubernetes.io\/service-account.name\]: Required value/);
});

test('where it is asked for every account has one and lists it', async () => {
  await using cluster = await startControlCluster({ scheduler: false, tokenForEveryAccount: true });
  const { client, informers, signal } = cluster;
  const listed = (name: string) => cluster.until(`a listed Secret of ${name}`, () => {
    const [reference, ...more] = informers.of(serviceAccounts).get({ namespace: 'default', name })?.secrets ?? [];
    const secret = reference && more.length === 0 && informers.of(secrets).get({ namespace: 'default', name: reference.name! });
    return secret || undefined;
  });
  await listed('default');
  const account = await makeAccount(cluster);
  const first = await listed('web');
  assert.match(first.metadata.name, /^web-token-[a-z0-9]{5}$/);
  assert.equal(await ownerOf(cluster, text(first.data!['token'])), `system:serviceaccount:default:web ${account.metadata.uid}`);
  await client.delete(secrets, { namespace: 'default', name: first.metadata.name }, {}, signal);
  await cluster.until('another is made, and it alone is listed', () => {
    const names = informers.of(serviceAccounts).get({ namespace: 'default', name: 'web' })?.secrets?.map(({ name }) => name!) ?? [];
    return names.length === 1 && names[0] !== first.metadata.name && informers.of(secrets).get({ namespace: 'default', name: names[0]! })?.type === type;
  });
  await client.delete(serviceAccounts, { namespace: 'default', name: 'web' }, {}, signal);
  await cluster.until('all of it is gone', () => !informers.of(secrets).list('default').some(({ metadata }) => metadata.name.startsWith('web-token-')));
});
