// Who owns what, as clients see it over the API: of built-in and of custom objects, and through scale.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { isEstablished } from '../../src/api/custom/definition.ts';
import { customResourceDefinitions, deployments } from '../../src/api/kinds/index.ts';
import type { Resource } from '../../src/api/kind.ts';
import { identities } from '../../src/server/auth/authorize.ts';
import { deploymentOf, startControlCluster, type ControlCluster } from './control-cluster.ts';

let cluster: ControlCluster;
before(async () => {
  cluster = await startControlCluster({ scheduler: false, controllers: true });
});
after(() => cluster[Symbol.asyncDispose]());

const gadgets: Resource<any> = { group: 'example.com', version: 'v1', plural: 'gadgets', kind: 'Gadget', namespaced: true };

const call = (verb: 'create' | 'patch' | 'update' | 'get', { group, version, plural }: Resource<any>, name: string, fieldManager: string | undefined, rest: { body?: any; subresource?: string; type?: 'apply' | 'merge'; force?: boolean } = {}): Promise<any> =>
  cluster.server.transport(identities.apiServer).call({ verb, resource: { group, version, plural }, namespace: 'default', ...(verb === 'create' ? {} : { name }), subresource: rest.subresource, body: rest.body, patchType: rest.type, options: { fieldManager, force: rest.force } } as never, cluster.signal);

/** `manager operation subresource: fields`. */
const book = (object: any): string[] => (object.metadata.managedFields ?? []).map((entry: any) => `${entry.manager} ${entry.operation} ${entry.apiVersion}${entry.subresource ? ` ${entry.subresource}` : ''}: ${JSON.stringify(entry.fieldsV1)}`);
for (const { what, of, made, field, fields } of [
  { what: 'a Deployment', of: deployments as Resource<any>, made: deploymentOf('scaled', 2), field: '"f:replicas":{}', fields: '{"f:spec":{"f:replicas":{}}}' },
  { what: 'a custom object', of: gadgets, made: { apiVersion: 'example.com/v1', kind: 'Gadget', metadata: { name: 'scaled', namespace: 'default' }, spec: { size: { wanted: 2 } } }, field: '"f:wanted":{}', fields: '{"f:spec":{"f:size":{"f:wanted":{}}}}' },
]) {
  test(`an apply to the scale of ${what} meets the owners of its replicas, and becomes one`, async () => {
    if (of === gadgets) await defineGadgets();
    const apiVersion = `${of.group}/${of.version}`;
    await call('create', of, 'scaled', 'maker', { body: made });
    const scale = (count: number, resourceVersion?: string) => ({ kind: 'Scale', apiVersion: 'autoscaling/v1', metadata: { name: 'scaled', namespace: 'default', resourceVersion }, spec: { replicas: count } });
    const apply = (manager: string, count: number, force?: boolean) => call('patch', of, 'scaled', manager, { subresource: 'scale', type: 'apply', body: scale(count), force });
    const owners = async () => book(await call('get', of, 'scaled', undefined)).filter((entry) => entry.includes(field));

    await assert.rejects(apply('scaler', 5), (error: any) => error.code === 409 && error.message === `Apply failed with 1 conflict: conflict with "maker" using ${apiVersion}: .spec.replicas`);
    assert.equal((await apply('scaler', 2)).spec.replicas, 2, 'of one mind');
    const both = await owners();
    assert.ok(both.includes(`scaler Apply ${apiVersion} scale: ${fields}`), both.join('\n'));
    assert.equal(both.length, 2);
    const scaled = await apply('scaler', 5, true);
    assert.deepEqual([scaled.kind, scaled.spec.replicas, scaled.metadata.managedFields], ['Scale', 5, undefined]);
    assert.deepEqual(await owners(), [`scaler Apply ${apiVersion} scale: ${fields}`]);
    await assert.rejects(apply('other', 6), /conflict with "scaler" with subresource "scale": \.spec\.replicas/);
    assert.equal((await apply('scaler', 3)).spec.replicas, 3, 'its own');
    // Of the object itself, the same field.
    const config = of === gadgets ? { apiVersion, kind: 'Gadget', metadata: { name: 'scaled' }, spec: { size: { wanted: 4 } } } : { apiVersion, kind: 'Deployment', metadata: { name: 'scaled' }, spec: { replicas: 4 } };
    await assert.rejects(call('patch', of, 'scaled', 'third', { type: 'apply', body: config }), /conflict with "scaler" with subresource "scale"/);
    await call('patch', of, 'scaled', 'third', { type: 'apply', body: config, force: true });
    assert.deepEqual(await owners(), [`third Apply ${apiVersion}: ${fields}`]);
    // What is no apply takes over without a word.
    await call('patch', of, 'scaled', 'hand', { subresource: 'scale', type: 'merge', body: { spec: { replicas: 1 } } });
    assert.deepEqual(await owners(), [`hand Update ${apiVersion} scale: ${fields}`]);
  });
}

test('custom objects: conflicts, takeover, what is given up goes, lists by their keys', async () => {
  await defineGadgets();
  const gadget = (spec: object) => ({ apiVersion: 'example.com/v1', kind: 'Gadget', metadata: { name: 'owned' }, spec });
  const apply = (manager: string, spec: object, force?: boolean) => call('patch', gadgets, 'owned', manager, { type: 'apply', body: gadget(spec), force });
  await apply('a', { size: { wanted: 1 }, parts: [{ name: 'x', count: 1 }] });
  const made = await apply('b', { parts: [{ name: 'y', count: 2 }], tags: ['b'] });
  assert.deepEqual(made.spec, { size: { wanted: 1 }, parts: [{ name: 'x', count: 1 }, { name: 'y', count: 2 }], tags: ['b'] });
  await assert.rejects(apply('b', { size: { wanted: 7 }, parts: [{ name: 'x', count: 5 }] }), (error: any) => error.code === 409 && error.message === 'Apply failed with 2 conflicts: conflicts with "a":\n- .spec.parts[name="x"].count\n- .spec.size.wanted');
  const taken = await apply('b', { size: { wanted: 7 }, parts: [{ name: 'y', count: 2 }] }, true);
  assert.deepEqual(taken.spec, { size: { wanted: 7 }, parts: [{ name: 'x', count: 1 }, { name: 'y', count: 2 }] }, 'the tags are given up');
  assert.deepEqual(book(taken), [
    'a Apply example.com/v1: {"f:spec":{"f:parts":{"k:{\\"name\\":\\"x\\"}":{".":{},"f:count":{},"f:name":{}}}}}',
    'b Apply example.com/v1: {"f:spec":{"f:parts":{"k:{\\"name\\":\\"y\\"}":{".":{},"f:count":{},"f:name":{}}},"f:size":{"f:wanted":{}}}}',
  ]);
  const left = await apply('a', {});
  assert.deepEqual(left.spec, { size: { wanted: 7 }, parts: [{ name: 'y', count: 2 }] });
});

let defined: Promise<unknown> | undefined;
const defineGadgets = () => (defined ??= define());

async function define(): Promise<void> {
  const integer = { type: 'integer' };
  const spec = {
    type: 'object',
    properties: {
      size: { type: 'object', properties: { wanted: integer } },
      parts: { type: 'array', 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'], items: { type: 'object', required: ['name'], properties: { name: { type: 'string' }, count: integer } } },
      tags: { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'string' } },
    },
  };
  const version = { name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object', properties: { spec, status: { type: 'object', properties: { size: integer } } } } }, subresources: { status: {}, scale: { specReplicasPath: '.spec.size.wanted', statusReplicasPath: '.status.size' } } };
  await cluster.client.create(customResourceDefinitions, { metadata: { name: 'gadgets.example.com' }, spec: { group: 'example.com', scope: 'Namespaced', names: { plural: 'gadgets', kind: 'Gadget' }, versions: [version] } } as never, cluster.signal);
  await cluster.until('gadgets are served', () => {
    const found = cluster.informers.of(customResourceDefinitions).get({ namespace: '', name: 'gadgets.example.com' });
    return found && isEstablished(found);
  });
}
