import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import protobuf from 'protobufjs/light.js';
import { kinds } from '../../kinds/index.ts';
import { openApiV2Document } from './v2.ts';
import { encodeOpenApiV2 } from './v2-protobuf.ts';
import { openApiV3Document, openApiV3Index } from './v3.ts';

interface V2 { paths: Record<string, Record<string, { parameters: { name: string }[] }>>; definitions: Record<string, { properties?: Record<string, object>; required?: string[] }> }
interface V3 { paths: Record<string, Record<string, Record<string, unknown>>>; components: { schemas: Record<string, Record<string, unknown>> } }

const v2 = openApiV2Document(kinds) as unknown as V2;

/** Every `$ref` in the document. */
function references(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) => (key === '$ref' && typeof item === 'string' ? [item] : references(item)));
}

test('v2: every reference leads somewhere', () => {
  for (const ref of references(v2)) assert.ok(v2.definitions[ref.replace('#/definitions/', '')], ref);
});

test('v2: definitions carry what kubectl’s validation and patches need', () => {
  const pod = v2.definitions['io.k8s.api.core.v1.Pod'] as Record<string, unknown>;
  assert.deepEqual(pod['x-kubernetes-group-version-kind'], [{ group: '', version: 'v1', kind: 'Pod' }]);
  const spec = v2.definitions['io.k8s.api.core.v1.PodSpec']!;
  assert.deepEqual(spec.required, ['containers']);
  const { description, ...containers } = spec.properties!['containers'] as Record<string, unknown>;
  assert.ok(String(description).startsWith('List of containers'));
  assert.deepEqual(containers, {
    type: 'array', items: { $ref: '#/definitions/io.k8s.api.core.v1.Container' },
    'x-kubernetes-list-map-keys': ['name'], 'x-kubernetes-list-type': 'map', 'x-kubernetes-patch-merge-key': 'name', 'x-kubernetes-patch-strategy': 'merge',
  });
  assert.deepEqual(v2.definitions['io.k8s.apimachinery.pkg.util.intstr.IntOrString'], { type: 'string', format: 'int-or-string' });
});

test('v2: a patch names dryRun and fieldValidation, by which kubectl knows that the server has them', () => {
  const names = v2.paths['/apis/apps/v1/namespaces/{namespace}/deployments/{name}']!['patch']!.parameters.map(({ name }) => name);
  assert.deepEqual(names, ['body', 'dryRun', 'fieldManager', 'fieldValidation', 'force']);
});

test('v2 as protobuf holds the same', () => {
  const bytes = encodeOpenApiV2(openApiV2Document(kinds));
  const { nested } = JSON.parse(readFileSync(new URL('../../../../data/openapi-v2.json', import.meta.url), 'utf8'));
  const any = { fields: { type_url: { type: 'string', id: 1 }, value: { type: 'bytes', id: 2 } } };
  const root = protobuf.Root.fromJSON({ nested: { ...nested, google: { nested: { protobuf: { nested: { Any: any } } } } } });
  interface Named { name: string; value: { properties?: { additional_properties: Named[] }; vendor_extension: { name: string; value: { yaml: string } }[] } }
  const decoded = root.lookupType('openapi.v2.Document').decode(bytes) as unknown as { definitions: { additional_properties: Named[] }; paths: { path: Named[] } };
  assert.deepEqual(decoded.definitions.additional_properties.map(({ name }) => name), Object.keys(v2.definitions));
  assert.deepEqual(decoded.paths.path.map(({ name }) => name), Object.keys(v2.paths));
  const pod = decoded.definitions.additional_properties.find(({ name }) => name === 'io.k8s.api.core.v1.Pod')!.value;
  assert.deepEqual(pod.properties!.additional_properties.map(({ name }) => name), ['apiVersion', 'kind', 'metadata', 'spec', 'status']);
  assert.deepEqual(JSON.parse(pod.vendor_extension[0]!.value.yaml), [{ group: '', version: 'v1', kind: 'Pod' }]);
});

test('v3: a document for each group and version, whole in itself, at a URL that carries its hash', () => {
  const { paths } = openApiV3Index(kinds) as { paths: Record<string, { serverRelativeURL: string }> };
  assert.ok(paths['api/v1'] && paths['apis/apps/v1']);
  assert.match(paths['apis/apps/v1'].serverRelativeURL, /^\/openapi\/v3\/apis\/apps\/v1\?hash=[0-9A-F]{128}$/);
  const document = openApiV3Document('apps', 'v1', kinds) as unknown as V3;
  for (const ref of references(document)) assert.ok(document.components.schemas[ref.replace('#/components/schemas/', '')], ref);
  const patch = document.paths['/apis/apps/v1/namespaces/{namespace}/deployments/{name}']!['patch']!;
  assert.deepEqual(patch['x-kubernetes-group-version-kind'], { group: 'apps', version: 'v1', kind: 'Deployment' });
  assert.ok((patch['parameters'] as { name: string; in: string }[]).some(({ name, in: where }) => name === 'fieldValidation' && where === 'query'));
  assert.equal(openApiV3Document('apps', 'v2', kinds), undefined);
});
