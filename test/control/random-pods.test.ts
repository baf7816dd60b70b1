// Any Pod at all against the API server: it is taken or refused, and never breaks anything. `npm run fuzz:pods` tries many more.
import fc from '../../src/base/testing/fast-check.ts';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '../../src/api/error.ts';
import { namespaces, pods, serviceAccounts } from '../../src/api/kinds/index.ts';
import type { ApiRequest } from '../../src/api/request.ts';
import type { Pod } from '../../src/api/types.ts';
import { admissions } from '../../src/server/admission/admissions.ts';
import { startTestServer, type TestServer } from '../../src/server/test-server.ts';
import { bentPod, sensiblePod, wildPod } from '../support/random-pods.ts';

const numRuns = Number(process.env['PEAPOD_FUZZ_RUNS'] ?? 400);
const seed = Number(process.env['PEAPOD_FUZZ_SEED'] ?? 1);

/** Not made smaller when they fail: that takes more memory than there is. */
const as = { seed, endOnFailure: true };
const place = { hostDir: '/tmp/x', image: 'i' };

async function startServer(): Promise<TestServer> {
  const server = await startTestServer({ admission: admissions() });
  await server.call('create', namespaces, { body: { metadata: { name: 'default' } } });
  await server.call('create', serviceAccounts, { namespace: 'default', body: { metadata: { name: 'default' } } });
  return server;
}

/** The one refusal that Kubernetes itself calls an error of its own. */
const upstreams500 = 'resourceVersion should not be set on objects to be created';

/** Undefined when it is refused, which must be in the API's own words. */
async function taken(call: () => Promise<Pod>, what: unknown): Promise<Pod | undefined> {
  try {
    return await call();
  } catch (error) {
    const isRefusal = error instanceof ApiError && ((error.code >= 400 && error.code < 500) || error.message === upstreams500);
    assert.ok(isRefusal, `${String((error as Error).stack)}\n${JSON.stringify(what)}`);
    return undefined;
  }
}

async function tryPod(server: TestServer, body: object): Promise<boolean> {
  const call = (verb: ApiRequest['verb'], rest: Partial<ApiRequest>) => server.call<Pod>(verb, pods, { namespace: 'default', ...rest });
  const sent = JSON.parse(JSON.stringify(body)) as object;
  const made = await taken(() => call('create', { body: sent }), body);
  if (!made) return false;
  const { name } = made.metadata;
  try {
    assert.deepEqual(await call('get', { name }), made);
    assert.deepEqual(pods.validate!(made), [], JSON.stringify(made));
    const filled = structuredClone(made);
    pods.defaults!(filled);
    assert.deepEqual(filled, made, 'what was filled in is filled in');
    const same = await call('update', { name, body: structuredClone(made) });
    assert.equal(same.metadata.resourceVersion, made.metadata.resourceVersion, 'an update with nothing new writes nothing');
    const { metadata: _, status: __, ...rest } = made;
    const again = await call('create', { body: { ...structuredClone(rest), metadata: { name: 'copy' } } });
    assert.deepEqual(withoutToken(again), withoutToken(made), 'what was accepted is accepted anew, and comes out the same');
    await call('delete', { name: 'copy', body: { gracePeriodSeconds: 0 } });
    const labelled = await call('patch', { name, patchType: 'merge', body: { metadata: { labels: { a: 'b' } } } });
    assert.equal(labelled.metadata.labels?.['a'], 'b');
    return true;
  } finally {
    await taken(() => call('delete', { name, body: { gracePeriodSeconds: 0 } }), body);
  }
}

/** The volume of the account's token has a name by chance. */
function withoutToken({ spec }: Pod): string {
  return JSON.stringify(spec).replaceAll(/kube-api-access-\w{5}/g, 'kube-api-access');
}

test(`wild Pods break nothing (seed ${seed})`, async () => {
  await using server = await startServer();
  let accepted = 0;
  await fc.assert(
    fc.asyncProperty(wildPod, async (pod) => void (accepted += Number(await tryPod(server, pod)))),
    { ...as, numRuns: numRuns * 3 },
  );
  assert.ok(accepted > numRuns / 40, `${accepted} were accepted: too few for the rest to mean anything`);
});

test(`Pods that are bent in a place or three break nothing (seed ${seed})`, async () => {
  await using server = await startServer();
  let accepted = 0;
  await fc.assert(
    fc.asyncProperty(bentPod(place), async (pod) => void (accepted += Number(await tryPod(server, { metadata: { name: 'p' }, ...pod })))),
    { ...as, numRuns: numRuns * 2 },
  );
  assert.ok(accepted > numRuns / 10, `${accepted} were accepted: too few for the rest to mean anything`);
});

test(`sensible Pods are taken, and stay as they were taken (seed ${seed})`, async () => {
  await using server = await startServer();
  let accepted = 0;
  await fc.assert(
    fc.asyncProperty(sensiblePod(place), async (pod) => void (accepted += Number(await tryPod(server, { metadata: { name: 'p', labels: { fuzz: 'y' } }, ...pod })))),
    { ...as, numRuns },
  );
  assert.ok(accepted > numRuns * 0.6, `${accepted} of ${numRuns} were accepted`);
});
