// Every kind without what it should have: made of nothing but a name, and each part patched away in turn. Refused or not, never an
// inner error, and whatever was accepted keeps nobody else's objects out.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { csiNodes, kinds, namespaces, pods, secrets } from '../../src/api/kinds/index.ts';
import { admissions } from '../../src/server/admission/admissions.ts';
import { startTestServer } from '../../src/server/test-server.ts';
import { sampleOf } from './samples.ts';

test('what lacks its parts is refused or kept, and breaks nothing', async () => {
  await using server = await startTestServer({ admission: admissions() });
  await server.call('create', namespaces, { body: { metadata: { name: 'default' } } });
  const broken: string[] = [];
  const tried = (what: string, answer: Promise<unknown>) => answer.catch((error: { readonly code?: number; readonly message: string }) => void (error.code === undefined || error.code >= 500 ? broken.push(`${what}: ${error.message}`) : 0));
  for (const kind of kinds.filter(({ verbs }) => !verbs)) {
    const place = kind.namespaced ? { namespace: 'default' } : {};
    const { name = 'x', ...sample } = sampleOf(kind.group, kind.version, kind.kind);
    await tried(`${kind.kind} of a name`, server.call('create', kind, { ...place, body: { metadata: { name: 'bare' } } }));
    await tried(`${kind.kind} of nothing`, server.call('create', kind, { ...place, body: {} }));
    await tried(`${kind.kind} as it should be, but for a name`, server.call('create', kind, { ...place, body: sample }));
    await tried(`${kind.kind} as it should be`, server.call('create', kind, { ...place, body: { ...sample, metadata: { ...(sample['metadata'] as object), name } } }));
    const without = [{ status: null }, { spec: null }, ...Object.keys((sample['spec'] ?? {}) as object).map((field) => ({ spec: { [field]: null } })), ...Object.keys(sample).map((field) => ({ [field]: null }))];
    for (const body of without) {
      for (const patchType of ['merge', 'strategic'] as const) {
        for (const subresource of [{}, { subresource: 'status' }]) await tried(`${kind.kind} by ${patchType} ${JSON.stringify({ ...subresource, ...body })}`, server.call('patch', kind, { ...place, name, patchType, ...subresource, options: { dryRun: true }, body }));
      }
    }
  }
  assert.deepEqual(broken, []);
});

test('what chance has found to break the server is refused or kept', async () => {
  await using server = await startTestServer();
  const created = await server.call('create', secrets, { namespace: 'default', body: { metadata: { name: 'x' }, type: '__proto__' } });
  assert.equal(created.type, '__proto__');

  await server.call('create', csiNodes, { body: { metadata: { name: 'x' }, spec: { drivers: [{ name: 'a', nodeID: 'b' }] } } });
  await assert.rejects(server.call('patch', csiNodes, { name: 'x', patchType: 'strategic', body: { spec: { drivers: [null] } } }), { code: 400 });

  await server.call('create', pods, { namespace: 'default', body: { metadata: { name: 'x' }, spec: { nodeName: 'n', containers: [{ name: 'c', image: 'i' }] } } });
  const remove = (gracePeriodSeconds: number) => server.call('delete', pods, { namespace: 'default', name: 'x', body: { gracePeriodSeconds } });
  await assert.rejects(remove(1e99), { code: 400 });
  assert.equal((await remove(2 ** 53)).metadata.deletionGracePeriodSeconds, 2 ** 31 - 1);
  assert.equal((await remove(1)).metadata.deletionGracePeriodSeconds, 1);
});
