import assert from 'node:assert/strict';
import { test } from 'node:test';
import { customResourceDefinitions } from '../../api/kinds/index.ts';
import { createMemoryStore } from '../../store/memory/memory-store.ts';
import { admin, kindsWithoutRoles, never, startTestServer, type TestServer } from '../test-server.ts';

const schema = (more: object = {}) => ({ openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object', properties: { size: { type: 'integer' }, ...more } } } } });

async function define(server: TestServer, more: object = {}): Promise<any> {
  const made = await server.call('create', customResourceDefinitions, {
    body: {
      metadata: { name: 'things.example.com' },
      spec: { group: 'example.com', scope: 'Cluster', names: { plural: 'things', kind: 'Thing', shortNames: ['th'] }, versions: [{ name: 'v1', served: true, storage: true, schema: schema(more) }] },
    },
  });
  return server.call('update', customResourceDefinitions, { name: 'things.example.com', subresource: 'status', body: { ...made, status: { ...made.status, acceptedNames: made.spec.names, conditions: [{ type: 'Established', status: 'True', reason: 'x', message: '', lastTransitionTime: '2026-01-01T00:00:00Z' }] } } });
}

const things = { group: 'example.com', version: 'v1', plural: 'things' };

test('a restart keeps definitions and their objects, and brings them to what the schema says now', async () => {
  const store = createMemoryStore();
  const first = await startTestServer({ store, kinds: kindsWithoutRoles });
  await define(first);
  await first.call('create', things, { body: { metadata: { name: 'one' }, spec: { size: 1 } } });
  await first.call('create', things, { body: { metadata: { name: 'two' }, spec: { size: 2 } } });
  await first.call('delete', things, { name: 'two' });
  await first.server.close();
  const second = await startTestServer({ store, kinds: kindsWithoutRoles });
  const listed = await second.call('list', things);
  assert.deepEqual(listed.items.map(({ metadata, spec }: any) => [metadata.name, metadata.generation, spec]), [['one', 1, { size: 1 }]]);
  const definition = structuredClone(await second.call('get', customResourceDefinitions, { name: 'things.example.com' }));
  definition.spec.versions[0].schema = schema({ color: { type: 'string', default: 'red' } });
  await second.call('update', customResourceDefinitions, { name: 'things.example.com', body: definition });
  const before = await second.call('get', things, { name: 'one' });
  assert.deepEqual(before.spec, { size: 1, color: 'red' });
  assert.equal(before.metadata.resourceVersion, listed.items[0].metadata.resourceVersion, 'nothing has been written');
  const changed = await second.call('patch', things, { name: 'one', patchType: 'merge', body: { spec: { size: 5 } } });
  assert.deepEqual([changed.spec, changed.metadata.generation], [{ size: 5, color: 'red' }, 2]);
  await second.server.close();
  const third = await startTestServer({ store, kinds: kindsWithoutRoles });
  assert.deepEqual((await third.call('get', things, { name: 'one' })).spec, { size: 5, color: 'red' });
  await third[Symbol.asyncDispose]();
});

test('a change of a definition ends the watches of its objects, and a watch from before goes on anew', async () => {
  await using server = await startTestServer({ kinds: kindsWithoutRoles });
  await define(server);
  const one = await server.call('create', things, { body: { metadata: { name: 'one' }, spec: { size: 1 } } });
  const transport = server.server.transport(admin);
  const told: string[] = [];
  const watching = (async () => {
    for await (const { type } of transport.watch({ verb: 'watch', resource: things, options: { resourceVersion: one.metadata.resourceVersion } }, never)) told.push(type);
  })();
  await server.call('patch', things, { name: 'one', patchType: 'merge', body: { spec: { size: 2 } } });
  const definition = structuredClone(await server.call('get', customResourceDefinitions, { name: 'things.example.com' }));
  definition.spec.versions[0].schema = schema({ other: { type: 'string' } });
  await server.call('update', customResourceDefinitions, { name: 'things.example.com', body: definition });
  await watching;
  assert.deepEqual(told, ['MODIFIED']);
});

test('what was stored before a schema became stricter may stay as long as it is not touched', async () => {
  await using server = await startTestServer({ kinds: kindsWithoutRoles });
  await define(server);
  await server.call('create', things, { body: { metadata: { name: 'large' }, spec: { size: 9 } } });
  const definition = structuredClone(await server.call('get', customResourceDefinitions, { name: 'things.example.com' }));
  definition.spec.versions[0].schema = { openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object', required: ['color'], properties: { size: { type: 'integer', maximum: 5 }, color: { type: 'string' }, other: { type: 'string' } } } } } };
  await server.call('update', customResourceDefinitions, { name: 'things.example.com', body: definition });
  const patch = (body: object) => server.call('patch', things, { name: 'large', patchType: 'merge', body });
  assert.deepEqual((await patch({ metadata: { labels: { a: 'b' } } })).metadata.labels, { a: 'b' });
  await assert.rejects(patch({ spec: { other: 'x' } }), /^ApiError: Thing\.example\.com "large" is invalid: spec\.color: Required value$/);
  await patch({ spec: { other: 'x', color: 'red' } });
  await assert.rejects(patch({ spec: { size: 8 } }), /spec\.size: Invalid value: 8: spec\.size in body should be less than or equal to 5/);
});

test('who may do nothing may do nothing with custom objects', async () => {
  await using server = await startTestServer({ kinds: kindsWithoutRoles });
  await define(server);
  const weak = server.server.transport({ username: 'weak', groups: [] });
  await assert.rejects(weak.call({ verb: 'list', resource: things, options: {} }, never), /things\.example\.com is forbidden: User "weak" cannot list resource "things" in API group "example\.com" at the cluster scope/);
});

test('fields that a schema lacks are told or refused as the client wants', async () => {
  await using server = await startTestServer({ kinds: kindsWithoutRoles });
  await define(server);
  const body = { metadata: { name: 'strict', labels: { a: 'b' }, nonsense: 1 }, spec: { size: 1, nonsense: [{ deep: 1 }] } };
  await assert.rejects(server.call('create', things, { body, options: { fieldValidation: 'Strict' } }), /Thing in version "v1" cannot be handled as a Thing: strict decoding error: unknown field "metadata\.nonsense", unknown field "spec\.nonsense"/);
  const made = await server.call('create', things, { body });
  assert.deepEqual([made.spec, made.metadata.labels, made.metadata.nonsense], [{ size: 1 }, { a: 'b' }, undefined]);
  await assert.rejects(server.call('create', things, { body: { metadata: { name: 'Wrong_Name' } } }), /a lowercase RFC 1123 subdomain/);
  await assert.rejects(server.call('update', things, { name: 'strict', body: { metadata: { name: 'strict' }, spec: {} } }), /metadata\.resourceVersion: Invalid value: 0.*must be specified for an update/);
});

test('a definition that cannot be is refused, in words that say why', async () => {
  await using server = await startTestServer({ kinds: kindsWithoutRoles });
  const refused = async (spec: object, ...why: RegExp[]) => {
    const error: Error = await server.call('create', customResourceDefinitions, { body: { metadata: { name: 'things.example.com' }, spec: { group: 'example.com', scope: 'Cluster', names: { plural: 'things', kind: 'Thing' }, versions: [{ name: 'v1', served: true, storage: true, schema: schema() }], ...spec } } }).then(() => assert.fail('accepted'), (reason: Error) => reason);
    for (const one of why) assert.match(error.message, one);
  };
  const version = (more: object) => ({ versions: [{ name: 'v1', served: true, storage: true, schema: schema(), ...more }] });
  await refused({ group: 'other.com' }, /metadata\.name: Invalid value: "things\.example\.com": must be spec\.names\.plural\+"\."\+spec\.group/);
  await refused({ scope: 'Sometimes' }, /spec\.scope: Unsupported value: "Sometimes": supported values: "Cluster", "Namespaced"/);
  await refused({ names: { plural: 'things', kind: 'Thing', listKind: 'Thing' } }, /kind and listKind may not be the same/);
  await refused(version({ schema: undefined }), /spec\.versions\[0\]\.schema\.openAPIV3Schema: Required value: schemas are required/);
  await refused(version({ storage: false }), /must have exactly one version marked as storage version/);
  await refused(version({ subresources: { scale: { specReplicasPath: '.status.x', statusReplicasPath: '.status.y' } } }), /specReplicasPath: Invalid value: "\.status\.x": should be a json path under \.spec/);
  await refused(version({ additionalPrinterColumns: [{ name: 'a', type: 'thing', jsonPath: 'spec' }] }), /type: Invalid value: "thing": must be one of integer,number,string,boolean,date/, /jsonPath: Invalid value: "spec": must be a simple json path starting with \./);
  await refused(version({ selectableFields: [{ jsonPath: '.spec.none' }] }), /does not refer to a valid field/);
  await refused({ conversion: { strategy: 'Webhook' } }, /required when strategy is set to Webhook/);
  await refused({ preserveUnknownFields: true }, /cannot set to true/);
  await assert.rejects(server.call('create', customResourceDefinitions, { body: { metadata: { name: 'things.apps.k8s.io' }, spec: { group: 'apps.k8s.io', scope: 'Cluster', names: { plural: 'things', kind: 'Thing' }, versions: version({}).versions } } }), /protected groups must have approval annotation "api-approved\.kubernetes\.io"/);
});
