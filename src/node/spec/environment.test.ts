import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ConfigMap, Container, Secret, Service } from '../../api/types.ts';
import { container, pod } from '../testing/pods.ts';
import { environmentOf, type EnvironmentSources } from './environment.ts';
import { expand } from './expansion.ts';

const sources: EnvironmentSources = {
  configMap: (name) => (name === 'settings' ? ({ data: { colour: 'red', shape: 'round' } } as unknown as ConfigMap) : undefined),
  secret: (name) => (name === 'key' ? ({ data: { token: Buffer.from('s3').toString('base64') } } as unknown as Secret) : undefined),
  services: [
    { metadata: { name: 'kubernetes', namespace: 'default' }, spec: { clusterIP: '10.96.0.1', ports: [{ name: 'https', port: 443, protocol: 'TCP' }] } },
    { metadata: { name: 'my-db', namespace: 'default' }, spec: { clusterIP: '10.96.0.7', ports: [{ port: 5432 }] } },
    { metadata: { name: 'headless', namespace: 'default' }, spec: { clusterIP: 'None', ports: [{ port: 1 }] } },
    { metadata: { name: 'elsewhere', namespace: 'other' }, spec: { clusterIP: '10.96.0.8', ports: [{ port: 1 }] } },
  ] as unknown as Service[],
  facts: { podIPs: ['10.0.0.9', 'fd00::9'], hostIPs: ['192.0.2.1'] },
  allocatable: { milliCpu: 2000, memoryBytes: 4 * 2 ** 30, ephemeralStorageBytes: 0 },
};

const of = (more: Partial<Container>, spec = {}) => Object.fromEntries(environmentOf(pod({ serviceAccountName: 'sa', ...spec }, { metadata: { labels: { app: 'x' } } }), container('app', more), sources));
const field = (fieldPath: string) => of({ env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath } } }] })['A'];
const resource = (name: string, divisor?: string, more: Partial<Container> = {}) => {
  const env = [{ name: 'A', valueFrom: { resourceFieldRef: { containerName: 'app', resource: name, divisor } } }];
  return Object.fromEntries(environmentOf(pod({ containers: [container('app', more)] }), container('app', { ...more, env } as Partial<Container>), sources))['A'];
};

test('variables refer to those before them', () => {
  const { B, C, D } = of({ env: [{ name: 'A', value: '1' }, { name: 'B', value: '$(A)$(C)' }, { name: 'C', value: '$$(A)' }, { name: 'D', value: '$(MY_DB_SERVICE_HOST)' }] });
  assert.deepEqual([B, C, D], ['1$(C)', '$(A)', '10.96.0.7']);
});

test('expansion', () => {
  const variables = new Map([['A', '1']]);
  const table = { '$(A)': '1', '$$(A)': '$(A)', '$$$(A)': '$1', '$(B)': '$(B)', '$A': '$A', '$': '$', '$(A': '$(A', 'x$(A)y$(A)': 'x1y1' };
  for (const [text, wanted] of Object.entries(table)) assert.equal(expand(text, variables), wanted, text);
});

test('services of the namespace, and the API’s own', () => {
  const all = of({});
  assert.equal(all['KUBERNETES_SERVICE_HOST'], '10.96.0.1');
  assert.equal(all['KUBERNETES_SERVICE_PORT_HTTPS'], '443');
  assert.equal(all['MY_DB_PORT'], 'tcp://10.96.0.7:5432');
  assert.equal(all['MY_DB_PORT_5432_TCP_ADDR'], '10.96.0.7');
  assert.ok(!('HEADLESS_SERVICE_HOST' in all) && !('ELSEWHERE_SERVICE_HOST' in all));
  const without = of({}, { enableServiceLinks: false });
  assert.ok('KUBERNETES_SERVICE_HOST' in without && !('MY_DB_PORT' in without));
});

test('fields', () => {
  const table = { 'metadata.name': 'web', 'metadata.namespace': 'default', "metadata.labels['app']": 'x', "metadata.labels['no']": '', 'spec.nodeName': 'node-1', 'spec.serviceAccountName': 'sa', 'status.podIP': '10.0.0.9', 'status.podIPs': '10.0.0.9,fd00::9', 'status.hostIP': '192.0.2.1' };
  for (const [path, wanted] of Object.entries(table)) assert.equal(field(path), wanted, path);
});

test('resources, by divisor and rounded up; no limit is the whole node', () => {
  const resources = { limits: { cpu: '1500m', memory: '100Mi' }, requests: { cpu: '250m' } };
  assert.deepEqual([resource('limits.cpu', undefined, { resources }), resource('limits.cpu', '1m', { resources }), resource('requests.cpu', '1m', { resources }), resource('limits.memory', '1Mi', { resources }), resource('limits.memory', undefined, { resources })], ['2', '1500', '250', '100', '104857600']);
  assert.deepEqual([resource('limits.cpu'), resource('limits.memory', '1Gi'), resource('requests.cpu')], ['2', '4', '0']);
});

test('ConfigMaps and Secrets, whole and by key', () => {
  const all = of({
    envFrom: [{ configMapRef: { name: 'settings' }, prefix: 'P_' }, { secretRef: { name: 'key' } }, { configMapRef: { name: 'none', optional: true } }],
    env: [{ name: 'T', valueFrom: { secretKeyRef: { name: 'key', key: 'token' } } }, { name: 'O', valueFrom: { configMapKeyRef: { name: 'settings', key: 'none', optional: true } } }],
  });
  assert.deepEqual([all['P_colour'], all['P_shape'], all['token'], all['T'], 'O' in all], ['red', 'round', 's3', 's3', false]);
});

const missing: readonly (readonly [string, Partial<Container>])[] = [
  ['configmap "none" not found', { envFrom: [{ configMapRef: { name: 'none' } }] }],
  ['secret "none" not found', { env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 'none', key: 'k' } } }] }],
  ["couldn't find key k in ConfigMap default/settings", { env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'settings', key: 'k' } } }] }],
  ["couldn't find key k in Secret default/key", { env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 'key', key: 'k' } } }] }],
];
for (const [message, more] of missing) test(message, () => assert.throws(() => of(more), { name: 'ConfigError', message }));
