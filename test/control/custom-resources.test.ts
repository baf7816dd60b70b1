// Custom resources over a real server and real controllers: from a definition to its objects and back to nothing.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { isEstablished } from '../../src/api/custom/definition.ts';
import { configMaps, customResourceDefinitions, namespaces, resourceQuotas } from '../../src/api/kinds/index.ts';
import type { Resource } from '../../src/api/kind.ts';
import type { CustomResourceDefinition, KubeObject } from '../../src/api/types.ts';
import { conditionText, startControlCluster, type ControlCluster } from './control-cluster.ts';

interface CronTab extends KubeObject {
  spec?: Record<string, any>;
  status?: Record<string, any>;
}

export const cronTabs: Resource<CronTab> = { group: 'stable.example.com', version: 'v1', plural: 'crontabs', kind: 'CronTab', namespaced: true };

const v1Schema = {
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      required: ['cronSpec'],
      properties: {
        cronSpec: { type: 'string', pattern: '^(\\d+|\\*)(/\\d+)?(\\s+(\\d+|\\*)(/\\d+)?){4}$' },
        image: { type: 'string', default: 'busybox' },
        replicas: { type: 'integer', minimum: 1, maximum: 10, default: 1 },
        port: { 'x-kubernetes-int-or-string': true },
        ports: {
          type: 'array',
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['name'],
          items: { type: 'object', required: ['name'], properties: { name: { type: 'string' }, number: { type: 'integer' } } },
        },
        raw: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
        template: { type: 'object', 'x-kubernetes-embedded-resource': true, 'x-kubernetes-preserve-unknown-fields': true },
        color: { type: 'string', enum: ['red', 'green'], 'x-kubernetes-validations': [{ rule: 'self == oldSelf', message: 'color is immutable' }] },
      },
    },
    status: { type: 'object', properties: { replicas: { type: 'integer' }, selector: { type: 'string' } } },
  },
};

function definition(plural: string, kind: string, more: object = {}, version: object = {}): any {
  return {
    metadata: { name: `${plural}.stable.example.com` },
    spec: {
      group: 'stable.example.com',
      scope: 'Namespaced',
      names: { plural, kind, shortNames: [kind.toLowerCase().slice(0, 2)], categories: ['all'] },
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: v1Schema }, subresources: { status: {}, scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas', labelSelectorPath: '.status.selector' } }, selectableFields: [{ jsonPath: '.spec.color' }], ...version }],
      ...more,
    },
  };
}

const tab = (name: string, spec: object = {}, more: object = {}): any => ({ apiVersion: 'stable.example.com/v1', kind: 'CronTab', metadata: { name, namespace: 'default', ...more }, spec: { cronSpec: '* * * * *', ...spec } });

describe('custom resources', () => {
  let cluster: ControlCluster;
  before(async () => {
    cluster = await startControlCluster({ scheduler: false });
  });
  after(() => cluster[Symbol.asyncDispose]());

  const establish = async (object: any) => {
    await cluster.client.create(customResourceDefinitions, object, cluster.signal);
    return cluster.until(`${object.metadata.name} is established`, () => {
      const found = cluster.informers.of(customResourceDefinitions).get({ namespace: '', name: object.metadata.name });
      return found && isEstablished(found) && found;
    });
  };
  const gone = (name: string) => cluster.until(`${name} is gone`, () => !cluster.informers.of(customResourceDefinitions).get({ namespace: '', name }) || undefined);
  const fails = async (write: Promise<unknown>, ...messages: RegExp[]) => {
    const error: Error = await write.then(() => assert.fail('it was accepted'), (reason: Error) => reason);
    for (const message of messages) assert.match(error.message, message);
  };

  it('is served once its names are accepted: defaulted, pruned, validated', async () => {
    const { client, signal } = cluster;
    const established = await establish(definition('crontabs', 'CronTab'));
    assert.equal(conditionText(established as never, 'NamesAccepted'), 'True NoConflicts');
    assert.deepEqual(established.status.storedVersions, ['v1']);
    assert.equal(established.spec.names.listKind, 'CronTabList');
    const made = await client.create(cronTabs, tab('first', { unknown: 1, raw: { any: { thing: 1 } }, template: { kind: 'Pod', apiVersion: 'v1', metadata: { name: 'x' }, spec: { a: 1 } }, port: 'http' }), signal);
    assert.deepEqual(made.spec, { cronSpec: '* * * * *', raw: { any: { thing: 1 } }, template: { kind: 'Pod', apiVersion: 'v1', metadata: { name: 'x' }, spec: { a: 1 } }, port: 'http', image: 'busybox', replicas: 1 });
    assert.equal(made.metadata.generation, 1);
    await fails(client.create(cronTabs, tab('bad', { replicas: 11, port: 1.5, color: 'blue', cronSpec: 'x', image: null, ports: [{ name: 'a' }, { name: 'a' }] }), signal),
      /CronTab\.stable\.example\.com "bad" is invalid/,
      /spec\.replicas: Invalid value: 11: spec\.replicas in body should be less than or equal to 10/,
      /spec\.port: Invalid value: "number": spec\.port in body must be of type integer,string: "number"/,
      /spec\.color: Unsupported value: "blue": supported values: "red", "green"/,
      /spec\.cronSpec: Invalid value: "x": spec\.cronSpec in body should match '/,
      /spec\.ports\[1\]: Duplicate value: \{"name":"a"\}/);
    await fails(client.create(cronTabs, { ...tab('bad'), spec: { replicas: 'x' } }, signal), /spec\.cronSpec: Required value/, /spec\.replicas: Invalid value: "string": spec\.replicas in body must be of type integer: "string"/);
  });

  it('is refused when a rule could cost too much, until what it goes through is bounded', async () => {
    const named = (bounds: object): any => definition('dears', 'Dear', {}, { schema: { openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object', properties: { names: { type: 'array', items: { type: 'string' }, ...bounds, 'x-kubernetes-validations': [{ rule: 'self.all(a, self.exists_one(b, a == b))' }] } } } } } }, selectableFields: [], subresources: {} });
    await fails(cluster.client.create(customResourceDefinitions, named({}), cluster.signal),
      /spec\.versions\[0\]\.schema\.openAPIV3Schema\.properties\[spec\]\.properties\[names\]\.x-kubernetes-validations\[0\]\.rule: Forbidden: estimated rule cost exceeds budget by factor of more than 100x \(try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared\)/,
      /x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema exceeds budget/);
    await cluster.client.create(customResourceDefinitions, named({ maxItems: 20, items: { type: 'string', maxLength: 20 } }), cluster.signal);
    await cluster.client.delete(customResourceDefinitions as Resource, { namespace: '', name: 'dears.stable.example.com' }, {}, cluster.signal);
    await gone('dears.stable.example.com');
  });

  it('keeps status and scale apart, counts generations, applies by its schema', async () => {
    const { client, signal } = cluster;
    const key = { namespace: 'default', name: 'scaled' };
    const made = await client.create(cronTabs, { ...tab('scaled'), status: { replicas: 7 } }, signal);
    assert.equal(made.status, undefined);
    const withStatus = await client.updateStatus(cronTabs, { ...made, spec: { cronSpec: 'ignored' }, status: { replicas: 2, selector: 'app=x', extra: 1 } }, signal);
    assert.deepEqual([withStatus.status, withStatus.spec?.['cronSpec'], withStatus.metadata.generation], [{ replicas: 2, selector: 'app=x' }, '* * * * *', 1]);
    const scaled: any = await client.patch(cronTabs, key, { type: 'merge', subresource: 'scale', body: { spec: { replicas: 4 } } }, signal);
    assert.deepEqual([scaled.spec, scaled.status], [{ replicas: 4 }, { replicas: 2, selector: 'app=x' }]);
    await fails(client.patch(cronTabs, key, { type: 'merge', subresource: 'scale', body: { spec: { replicas: 40 } } }, signal), /should be less than or equal to 10/);
    assert.equal((await client.get(cronTabs, key, signal)).metadata.generation, 2);
    const apply = (fieldManager: string, spec: object) => client.patch(cronTabs, key, { type: 'apply', fieldManager, body: { apiVersion: 'stable.example.com/v1', kind: 'CronTab', metadata: { name: 'scaled' }, spec } }, signal);
    await apply('one', { ports: [{ name: 'a', number: 1 }] });
    const both = await apply('two', { ports: [{ name: 'b', number: 2 }], raw: { deep: { x: 1 } } });
    assert.deepEqual(both.spec?.['ports'], [{ name: 'a', number: 1 }, { name: 'b', number: 2 }]);
    await fails(apply('two', { ports: [{ name: 'a', number: 3 }] }), /conflict with "one".*\.spec\.ports\[name="a"\]\.number/);
    await fails(apply('two', { nonsense: 1 }), /\.spec\.nonsense: field not declared in schema/);
    const left = await apply('one', {});
    assert.deepEqual(left.spec?.['ports'], [{ name: 'b', number: 2 }]);
    await fails(client.patch(cronTabs, key, { type: 'strategic', body: { spec: { replicas: 2 } } }, signal), /unknown format/);
  });

  it('is selected by its fields, watched, collected and ends with its namespace', async () => {
    const { client, signal } = cluster;
    await client.create(cronTabs, tab('red', { color: 'red' }), signal);
    await client.create(cronTabs, tab('green', { color: 'green' }), signal);
    await fails(client.patch(cronTabs, { namespace: 'default', name: 'red' }, { type: 'merge', body: { spec: { color: 'green' } } }, signal), /spec\.color: Invalid value: "string": color is immutable/);
    assert.deepEqual((await client.list(cronTabs, { fieldSelector: 'spec.color=red' }, signal)).items.map(({ metadata }) => metadata.name), ['red']);
    const owner = await client.create(configMaps, { metadata: { name: 'owner', namespace: 'default' } } as never, signal);
    const ownerReferences = (of: KubeObject, kind: string, apiVersion: string) => [{ apiVersion, kind, name: of.metadata.name, uid: of.metadata.uid }];
    const owned = await client.create(cronTabs, tab('owned', {}, { ownerReferences: ownerReferences(owner, 'ConfigMap', 'v1') }), signal);
    await client.create(configMaps, { metadata: { name: 'below', namespace: 'default', ownerReferences: ownerReferences(owned, 'CronTab', 'stable.example.com/v1') } } as never, signal);
    await client.delete(configMaps, { namespace: 'default', name: 'owner' }, {}, signal);
    await cluster.until('what the owned one owns is gone', () => !cluster.informers.of(configMaps).get({ namespace: 'default', name: 'below' }) || undefined);
    await client.create(namespaces, { metadata: { name: 'short' }, spec: {} }, signal);
    await client.create(cronTabs, { ...tab('there'), metadata: { name: 'there', namespace: 'short' } }, signal);
    await client.delete(namespaces, { namespace: '', name: 'short' }, {}, signal);
    await cluster.until('the namespace is gone', () => !cluster.informers.of(namespaces).get({ namespace: '', name: 'short' }) || undefined);
    assert.deepEqual((await client.list(cronTabs, { namespace: 'short' }, signal)).items, []);
  });

  it('is counted by quotas', async () => {
    const { client, signal } = cluster;
    const quota = (name: string) => cluster.informers.of(resourceQuotas).get({ namespace: 'default', name });
    await client.create(resourceQuotas, { metadata: { name: 'tabs', namespace: 'default' }, spec: { hard: { 'count/crontabs.stable.example.com': '9' } } } as never, signal);
    const count = (await client.list(cronTabs, { namespace: 'default' }, signal)).items.length;
    const used = (of: number) => cluster.until(`${of} are counted`, () => quota('tabs')?.status.used?.['count/crontabs.stable.example.com'] === String(of));
    await used(count);
    await client.create(cronTabs, tab('counted'), signal);
    await used(count + 1);
    await client.delete(cronTabs, { namespace: 'default', name: 'counted' }, {}, signal);
    await used(count);
  });

  it('gives each name once, and gives it on when its holder has gone', async () => {
    const { client, signal } = cluster;
    await client.create(customResourceDefinitions, definition('crossings', 'Crossing', { names: { plural: 'crossings', kind: 'CronTab', listKind: 'CrossingList' } }), signal);
    const view = cluster.informers.of(customResourceDefinitions);
    const found = await cluster.until('the conflict is told', () => {
      const one = view.get({ namespace: '', name: 'crossings.stable.example.com' });
      return one && conditionText(one as never, 'NamesAccepted') === 'False KindConflict' && one;
    });
    assert.equal(conditionText(found as never, 'Established'), 'False NotAccepted');
    await assert.rejects(client.list({ ...cronTabs, plural: 'crossings' }, {}, signal), /could not find the requested resource/);
    await client.delete(customResourceDefinitions, { namespace: '', name: 'crontabs.stable.example.com' }, {}, signal);
    await gone('crontabs.stable.example.com');
    await assert.rejects(client.list(cronTabs, {}, signal), /could not find the requested resource/);
    await cluster.until('the other has the name', () => {
      const one = view.get({ namespace: '', name: 'crossings.stable.example.com' });
      return one && isEstablished(one) && one;
    });
    await client.delete(customResourceDefinitions, { namespace: '', name: 'crossings.stable.example.com' }, {}, signal);
    await gone('crossings.stable.example.com');
  });

  it('waits with its end for its objects, and ends the watches', async () => {
    const { client, signal } = cluster;
    await establish(definition('crontabs', 'CronTab'));
    assert.deepEqual((await client.list(cronTabs, {}, signal)).items, [], 'nothing of the one before is left');
    await client.create(cronTabs, tab('held', {}, { finalizers: ['example.com/hold'] }), signal);
    const watched: string[] = [];
    const watching = (async () => {
      for await (const { type } of client.watch(cronTabs, { namespace: 'default' }, signal)) watched.push(type);
    })();
    await client.delete(customResourceDefinitions, { namespace: '', name: 'crontabs.stable.example.com' }, {}, signal);
    await cluster.until('it ends', () => {
      const one = cluster.informers.of(customResourceDefinitions).get({ namespace: '', name: 'crontabs.stable.example.com' });
      return one && conditionText(one as never, 'Terminating') === 'True InstanceDeletionInProgress';
    });
    await fails(client.create(cronTabs, tab('late'), signal), /create not allowed while custom resource definition is terminating/);
    await client.patch(cronTabs, { namespace: 'default', name: 'held' }, { type: 'merge', body: { metadata: { finalizers: [] } } }, signal);
    await gone('crontabs.stable.example.com');
    await watching;
    assert.equal(watched.at(-1), 'DELETED');
  });

  it('serves several versions of what is stored in one, and fills in what a new schema says', async () => {
    const { client, signal } = cluster;
    const v2 = { name: 'v2', served: true, storage: false, deprecated: true, schema: { openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object', properties: { cronSpec: { type: 'string' }, added: { type: 'string', default: 'later' } } } } } } };
    const first = definition('crontabs', 'CronTab');
    await establish({ ...first, spec: { ...first.spec, versions: [...first.spec.versions, v2] } });
    const inV2: Resource<CronTab> = { ...cronTabs, version: 'v2' };
    await client.create(cronTabs, tab('one'), signal);
    const seen = await client.get(inV2, { namespace: 'default', name: 'one' }, signal);
    assert.deepEqual([seen.apiVersion, seen.spec], ['stable.example.com/v2', { cronSpec: '* * * * *', added: 'later' }]);
    await client.create(inV2, { apiVersion: 'stable.example.com/v2', kind: 'CronTab', metadata: { name: 'two', namespace: 'default' }, spec: { cronSpec: '1 1 1 1 1' } } as never, signal);
    assert.deepEqual((await client.list(cronTabs, {}, signal)).items.map(({ apiVersion, spec }) => [apiVersion, spec?.['cronSpec'], spec?.['replicas']]), [['stable.example.com/v1', '* * * * *', 1], ['stable.example.com/v1', '1 1 1 1 1', 1]]);
    const key = { namespace: '', name: 'crontabs.stable.example.com' };
    const now: any = structuredClone(await client.get(customResourceDefinitions, key, signal));
    now.spec.versions[0].storage = false;
    now.spec.versions[1].storage = true;
    const moved = await client.update(customResourceDefinitions, now as CustomResourceDefinition, signal);
    assert.deepEqual(moved.status.storedVersions, ['v1', 'v2']);
    assert.deepEqual((await client.list(inV2, {}, signal)).items.map(({ apiVersion, spec }) => [apiVersion, spec?.['added']]), [['stable.example.com/v2', 'later'], ['stable.example.com/v2', 'later']]);
    const touched = await client.patch(inV2, { namespace: 'default', name: 'one' }, { type: 'merge', body: { metadata: { labels: { a: 'b' } } } }, signal);
    assert.equal(touched.apiVersion, 'stable.example.com/v2');
    assert.equal((await client.get(cronTabs, { namespace: 'default', name: 'one' }, signal)).metadata.labels?.['a'], 'b');
    const broken: any = structuredClone(moved);
    broken.spec.versions.shift();
    await fails(client.update(customResourceDefinitions, broken, signal), /status\.storedVersions\[0\]: Invalid value: "v1": missing from spec\.versions/);
  });
});
