// The Gateway API as data: its definitions, and objects of every kind as people write them, kept whole.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { isEstablished } from '../../src/api/custom/definition.ts';
import { customResourceDefinitions } from '../../src/api/kinds/index.ts';
import type { Resource } from '../../src/api/kind.ts';
import type { KubeObject } from '../../src/api/types.ts';
import { gatewayDefinitions } from '../support/gateway-definitions.ts';
import { startControlCluster, type ControlCluster } from './control-cluster.ts';

type Custom = KubeObject & { spec?: any; status?: any };
const of = (plural: string, kind: string, version = 'v1', namespaced = true): Resource<Custom> => ({ group: 'gateway.networking.k8s.io', version, plural, kind, namespaced });
const gateways = of('gateways', 'Gateway');
const httpRoutes = of('httproutes', 'HTTPRoute');

describe('the Gateway API as data', () => {
  let cluster: ControlCluster;
  before(async () => {
    cluster = await startControlCluster({ scheduler: false });
    for (const definition of gatewayDefinitions) {
      await cluster.client.create(customResourceDefinitions, definition, cluster.signal);
      await cluster.until(`${definition.metadata.name} is established`, () => {
        const found = cluster.informers.of(customResourceDefinitions).get({ namespace: '', name: definition.metadata.name });
        return found && isEstablished(found) && found;
      });
    }
  });
  after(() => cluster[Symbol.asyncDispose]());

  const create = (resource: Resource<Custom>, name: string, spec: object) =>
    cluster.client.create(resource, { apiVersion: `${resource.group}/${resource.version}`, kind: resource.kind, metadata: { name, ...(resource.namespaced ? { namespace: 'default' } : {}) }, spec } as never, cluster.signal);

  it('keeps a Gateway, and says what it did not', async () => {
    const listeners = [
      { name: 'http', port: 80, protocol: 'HTTP', hostname: '*.example.com', allowedRoutes: { namespaces: { from: 'Selector', selector: { matchLabels: { a: 'b' } } }, kinds: [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute' }] } },
      { name: 'https', port: 443, protocol: 'HTTPS', tls: { certificateRefs: [{ name: 'cert' }], options: { 'example.com/min': '1.3' } } },
    ];
    const made = await create(gateways, 'main', { gatewayClassName: 'any', listeners, addresses: [{ value: '192.0.2.1' }], infrastructure: { labels: { team: 'x' } } });
    assert.deepEqual(made.spec, {
      gatewayClassName: 'any', addresses: [{ type: 'IPAddress', value: '192.0.2.1' }], infrastructure: { labels: { team: 'x' } },
      listeners: [listeners[0], { ...listeners[1], tls: { mode: 'Terminate', certificateRefs: [{ group: '', kind: 'Secret', name: 'cert' }], options: { 'example.com/min': '1.3' } }, allowedRoutes: { namespaces: { from: 'Same' } } }],
    });
    const status = { addresses: [{ type: 'IPAddress', value: '192.0.2.1' }], conditions: [{ type: 'Programmed', status: 'True', reason: 'Programmed', message: '', lastTransitionTime: '2026-01-01T00:00:00Z' }], listeners: [{ name: 'http', attachedRoutes: 1, supportedKinds: [{ kind: 'HTTPRoute' }], conditions: [] }] };
    const told = await cluster.client.patch(gateways, { namespace: 'default', name: 'main' }, { type: 'merge', body: { status }, subresource: 'status' }, cluster.signal);
    assert.deepEqual([told.status, told.spec, (told.metadata as { generation?: number }).generation], [status, made.spec, 1]);
    const older = await cluster.client.get(of('gateways', 'Gateway', 'v1beta1'), { namespace: 'default', name: 'main' }, cluster.signal);
    assert.deepEqual([older.apiVersion, older.spec, older.status], ['gateway.networking.k8s.io/v1beta1', made.spec, status]);
  });

  it('keeps routes of HTTP and gRPC, classes and grants', async () => {
    const route = {
      parentRefs: [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'main', sectionName: 'http' }],
      hostnames: ['a.example.com', '*.b.example.com'],
      rules: [
        {
          name: 'first',
          matches: [{ path: { type: 'Exact', value: '/x' }, method: 'GET', headers: [{ type: 'RegularExpression', name: 'X-A', value: '^a+$' }] }, { path: { type: 'PathPrefix', value: '/' } }],
          filters: [{ type: 'RequestHeaderModifier', requestHeaderModifier: { set: [{ name: 'a', value: 'b' }], remove: ['c'] } }, { type: 'ExtensionRef', extensionRef: { group: 'example.com', kind: 'Thing', name: 'one' } }],
          backendRefs: [{ group: '', kind: 'Service', name: 'web', port: 80, weight: 90 }, { group: 'example.com', kind: 'Bucket', name: 'b', weight: 10 }],
          timeouts: { request: '1m30s', backendRequest: '500ms' },
        },
      ],
    };
    assert.deepEqual((await create(httpRoutes, 'whole', route)).spec, route);
    assert.deepEqual((await create(httpRoutes, 'short', { parentRefs: [{ name: 'main' }], rules: [{ backendRefs: [{ name: 'web', port: 80 }] }] })).spec, {
      parentRefs: [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'main' }],
      rules: [{ matches: [{ path: { type: 'PathPrefix', value: '/' } }], backendRefs: [{ group: '', kind: 'Service', name: 'web', port: 80, weight: 1 }] }],
    });
    const grpc = { rules: [{ matches: [{ method: { type: 'Exact', service: 'a.B', method: 'C' } }], backendRefs: [{ group: '', kind: 'Service', name: 'g', port: 9000, weight: 1 }] }] };
    assert.deepEqual((await create(of('grpcroutes', 'GRPCRoute'), 'one', grpc)).spec, grpc);
    const ofClass = of('gatewayclasses', 'GatewayClass', 'v1', false);
    const spec = { controllerName: 'example.com/gateway', description: 'ours', parametersRef: { group: 'example.com', kind: 'Config', name: 'one', namespace: 'x' } };
    assert.deepEqual((await create(ofClass, 'any', spec)).spec, spec);
    const grant = { from: [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', namespace: 'a' }], to: [{ group: '', kind: 'Service' }] };
    assert.deepEqual((await create(of('referencegrants', 'ReferenceGrant', 'v1beta1'), 'one', grant)).spec, grant);
  });

  it('refuses what is no Gateway and no route', async () => {
    await assert.rejects(create(gateways, 'none', { gatewayClassName: 'any', listeners: [] }), /spec\.listeners: Invalid value: 0: spec\.listeners in body should have at least 1 items/);
    await assert.rejects(create(gateways, 'bad', { gatewayClassName: 'any', listeners: [{ name: 'a', port: 0, protocol: 'HTTP' }] }), /spec\.listeners\[0\]\.port: Invalid value: 0/);
    await assert.rejects(create(gateways, 'twice', { gatewayClassName: 'any', listeners: [{ name: 'a', port: 80, protocol: 'HTTP' }, { name: 'a', port: 81, protocol: 'HTTP' }] }), /spec\.listeners\[1\]: Duplicate value/);
    await assert.rejects(create(gateways, 'tls', { gatewayClassName: 'any', listeners: [{ name: 'a', port: 80, protocol: 'HTTP', tls: {} }] }), /spec\.listeners: Invalid value: .*: tls must not be specified for protocols \[HTTP, TCP, UDP\]/);
    await assert.rejects(create(httpRoutes, 'no-port', { rules: [{ backendRefs: [{ name: 'web' }] }] }), /spec\.rules\[0\]\.backendRefs\[0\]: Invalid value: .*: Must have port for Service reference/);
    await assert.rejects(create(httpRoutes, 'relative', { rules: [{ matches: [{ path: { value: 'x' } }] }] }), /value must be an absolute path/);
    await assert.rejects(create(httpRoutes, 'host', { hostnames: ['not valid'] }), /spec\.hostnames\[0\]: Invalid value: "not valid"/);
    await assert.rejects(cluster.client.patch(of('gatewayclasses', 'GatewayClass', 'v1', false), { namespace: '', name: 'any' }, { type: 'merge', body: { spec: { controllerName: 'example.com/other' } } }, cluster.signal), /spec\.controllerName: Invalid value: .*: Value is immutable/);
    await assert.rejects(create(httpRoutes, 'method', { rules: [{ matches: [{ method: 'LOOK' }] }] }), /Unsupported value: "LOOK"/);
  });
});
