// Random bodies for custom objects, by every way to write them: each is accepted or refused, and none breaks the server.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from '../../src/base/testing/fast-check.ts';
import { customResourceDefinitions, namespaces } from '../../src/api/kinds/index.ts';
import { kindsWithoutRoles, startTestServer } from '../../src/server/test-server.ts';
import { prometheuses, websites } from '../support/definitions.ts';

const runs = 3000;
const names = fc.constantFrom('spec', 'status', 'metadata', 'name', 'labels', 'domain', 'replicas', 'ports', 'paused', 'port', 'targetPort', 'containers', 'image', 'resources', 'limits', 'podMetadata', 'apiVersion', 'kind', 'storage', 'volumeClaimTemplate', 'finalizers', '__proto__', 'x y', 'conditions', 'retention', 'type', 'items', 'properties', 'default');
const bodies = fc.letrec<{ value: unknown; object: Record<string, unknown> }>((tie) => ({
  value: fc.oneof({ maxDepth: 5 }, fc.string(), fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true }), fc.boolean(), fc.constant(null), fc.array(tie('value'), { maxLength: 4 }), tie('object')),
  object: fc.dictionary(names, tie('value'), { maxKeys: 6 }),
})).object;

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

test(`${runs} random writes of custom objects and definitions`, async (context) => {
  await using server = await startTestServer({ kinds: kindsWithoutRoles });
  await server.call('create', namespaces, { body: { metadata: { name: 'default' } } });
  for (const definition of [websites, prometheuses]) {
    const { name } = definition.metadata;
    const made = await server.call('create', customResourceDefinitions, { body: definition });
    const established = { type: 'Established', status: 'True', reason: 'x', message: '', lastTransitionTime: '2026-01-01T00:00:00Z' };
    await server.call('update', customResourceDefinitions, { name, subresource: 'status', body: { ...made, status: { ...made.status, acceptedNames: made.spec.names, conditions: [established] } } });
  }
  let [accepted, refused] = [0, 0];
  await fc.assert(
    fc.asyncProperty(bodies, fc.constantFrom(websites, prometheuses), fc.constantFrom('create', 'update', 'merge', 'apply', 'json', 'scale', 'define'), async (body, { spec: { group, names: { plural, kind } } }, how) => {
      const resource = { group, version: 'v1', plural };
      const at = { namespace: 'default', name: 'a' };
      const metadata = isObject(body['metadata']) ? { ...body['metadata'], name: 'a' } : body['metadata'];
      const typed = { ...body, apiVersion: `${group}/v1`, kind, ...(metadata === undefined ? {} : { metadata }) };
      const write = () => {
        switch (how) {
          case 'create': return server.call('create', resource, { namespace: 'default', body: { ...typed, spec: { domain: 'a', ...(isObject(body['spec']) ? body['spec'] : {}) } } });
          case 'update': return server.call('update', resource, { ...at, body: typed });
          case 'merge': return server.call('patch', resource, { ...at, patchType: 'merge', body });
          case 'apply': return server.call('patch', resource, { ...at, patchType: 'apply', options: { fieldManager: 'f', force: true }, body: typed });
          case 'json': return server.call('patch', resource, { ...at, patchType: 'json', body: [{ op: 'add', path: '/spec/ports', value: body }] });
          case 'scale': return server.call('patch', resource, { ...at, subresource: 'scale', patchType: 'merge', body });
          default: return server.call('create', customResourceDefinitions, { options: { dryRun: true }, body: { metadata: { name: 'things.example.com' }, spec: { group: 'example.com', scope: 'Cluster', names: { plural: 'things', kind: 'Thing' }, versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object', properties: body } } }] } } });
        }
      };
      await write().then(() => accepted++, (error: { code?: number; message: string }) => {
        refused++;
        // A scale that has nowhere to be is upstream's one inner error.
        assert.ok(error.code !== undefined && (error.code < 500 || error.message.includes('the spec replicas field')), `${how}: ${error.message}`);
      });
    }),
    { numRuns: runs },
  );
  context.diagnostic(`${accepted} accepted, ${refused} refused`);
  assert.ok(accepted > runs / 20 && refused > runs / 20);
});
