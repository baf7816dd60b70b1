import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EndpointSlice, Service } from '../../api/types.ts';
import { servicePorts } from './service-ports.ts';
import { staleFlows } from './stale-flows.ts';

const here = { nodeName: 'here', zone: 'a' };
type Endpoint = NonNullable<EndpointSlice['endpoints']>[number];

function service(spec: object = {}, status: object = {}): Service {
  return { metadata: { name: 'web', namespace: 'shop' }, spec: { clusterIP: '10.96.0.7', clusterIPs: ['10.96.0.7'], ports: [{ name: 'http', port: 80, protocol: 'TCP' }], ...spec }, status } as unknown as Service;
}

function slice(endpoints: readonly Endpoint[], ports: object[] = [{ name: 'http', port: 8080, protocol: 'TCP' }]): EndpointSlice {
  return { metadata: { name: 's' }, addressType: 'IPv4', endpoints, ports } as unknown as EndpointSlice;
}

function endpoint(ip: string, more: Partial<Endpoint> = {}): Endpoint {
  return { addresses: [ip], conditions: { ready: true, serving: true, terminating: false }, nodeName: 'there', ...more };
}

const ending = (serving: boolean) => ({ ready: false, serving, terminating: true });
const ips = (backends: readonly { ip: string }[]) => backends.map(({ ip }) => ip);
const one = (of: Service, slices: readonly EndpointSlice[]) => servicePorts(of, slices, here)[0]!;

test('a port leads to the endpoints of the same name, each once, whichever slice they stand in', () => {
  const port = one(service(), [slice([endpoint('10.0.0.2'), endpoint('10.0.0.1')]), slice([endpoint('10.0.0.2'), endpoint('10.0.0.3')]), slice([endpoint('10.0.0.9')], [{ name: 'other', port: 1 }])]);
  assert.deepEqual(port.cluster, ['10.0.0.1', '10.0.0.2', '10.0.0.3'].map((ip) => ({ ip, port: 8080, isLocal: false })));
  assert.deepEqual([port.id, port.protocol, port.port, port.clusterIPs], ['shop/web/http', 'tcp', 80, ['10.96.0.7']]);
});

test('C29 ending endpoints get traffic only where none is ready, and only as long as they serve', () => {
  const leaving = endpoint('10.0.0.1', { conditions: ending(true) });
  const gone = endpoint('10.0.0.2', { conditions: ending(false) });
  assert.deepEqual(ips(one(service(), [slice([leaving, gone, endpoint('10.0.0.3')])]).cluster), ['10.0.0.3']);
  assert.deepEqual(ips(one(service(), [slice([leaving, gone])]).cluster), ['10.0.0.1']);
  const none = one(service(), [slice([gone, endpoint('10.0.0.4', { conditions: { ready: false, serving: false, terminating: false } })])]);
  assert.deepEqual([none.cluster, none.hasEndpoints], [[], false]);
});

test('policies: internal Local keeps to this node, external Local too and leaves the rest to others', () => {
  const slices = [slice([endpoint('10.0.0.1', { nodeName: 'here' }), endpoint('10.0.0.2')])];
  const inside = one(service({ internalTrafficPolicy: 'Local' }), slices);
  assert.deepEqual([ips(inside.local), ips(inside.cluster)], [['10.0.0.1'], []]);
  const outside = one(service({ type: 'NodePort', externalTrafficPolicy: 'Local', ports: [{ name: 'http', port: 80, nodePort: 30080 }] }), slices);
  assert.deepEqual([ips(outside.local), ips(outside.cluster)], [['10.0.0.1'], ['10.0.0.1', '10.0.0.2']]);
  const plain = one(service(), slices);
  assert.deepEqual([ips(plain.local), ips(plain.cluster)], [[], ['10.0.0.1', '10.0.0.2']]);
});

test('near endpoints are taken where all have hints, and some are for here', () => {
  const zone = (ip: string, name: string) => endpoint(ip, { hints: { forZones: [{ name }] } });
  assert.deepEqual(ips(one(service(), [slice([zone('10.0.0.1', 'a'), zone('10.0.0.2', 'b')])]).cluster), ['10.0.0.1']);
  assert.deepEqual(ips(one(service(), [slice([zone('10.0.0.1', 'c'), zone('10.0.0.2', 'b')])]).cluster), ['10.0.0.1', '10.0.0.2'], 'none for here');
  assert.deepEqual(ips(one(service(), [slice([zone('10.0.0.1', 'a'), endpoint('10.0.0.2')])]).cluster), ['10.0.0.1', '10.0.0.2'], 'one without a hint');
  const node = (ip: string, name: string) => endpoint(ip, { hints: { forNodes: [{ name }], forZones: [{ name: 'a' }] } });
  assert.deepEqual(ips(one(service(), [slice([node('10.0.0.1', 'here'), node('10.0.0.2', 'there')])]).cluster), ['10.0.0.1']);
});

test('what has no address, or another proxy, is left alone', () => {
  for (const spec of [{ clusterIP: 'None', clusterIPs: ['None'] }, { type: 'ExternalName', clusterIP: '', clusterIPs: [] }]) assert.deepEqual(servicePorts(service(spec), [], here), []);
  const foreign = service();
  foreign.metadata.labels = { 'service.kubernetes.io/service-proxy-name': 'other' };
  assert.deepEqual(servicePorts(foreign, [], here), []);
});

test('a balancer\'s addresses, but of mode Proxy; who may call them; affinity and its time', () => {
  const spec = { type: 'LoadBalancer', sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } }, loadBalancerSourceRanges: ['192.0.2.0/24', '2001:db8::/32'], externalIPs: ['192.0.2.9'] };
  const port = one(service(spec, { loadBalancer: { ingress: [{ ip: '192.0.2.1', ipMode: 'VIP' }, { ip: '192.0.2.2', ipMode: 'Proxy' }] } }), []);
  assert.deepEqual([port.balancerIPs, port.sourceRanges, port.externalIPs, port.affinitySeconds], [['192.0.2.1'], ['192.0.2.0/24'], ['192.0.2.9'], 60]);
});

test('each family has its own addresses and endpoints', () => {
  const both = service({ clusterIPs: ['10.96.0.7', 'fd00:96::7'], externalIPs: ['192.0.2.9', '2001:db8::9'], loadBalancerSourceRanges: ['2001:db8::/32'] });
  const slices = [slice([endpoint('10.0.0.1')]), { ...slice([endpoint('fd00::1')]), addressType: 'IPv6' }];
  const [port] = servicePorts(both, slices, here, 'IPv6');
  assert.deepEqual([port!.clusterIPs, port!.externalIPs, port!.sourceRanges, ips(port!.cluster)], [['fd00:96::7'], ['2001:db8::9'], ['2001:db8::/32'], ['fd00::1']]);
  assert.deepEqual(ips(one(both, slices).cluster), ['10.0.0.1']);
  assert.deepEqual(servicePorts(service(), slices, here, 'IPv6'), []);
});

test('UDP flows to an endpoint that has gone are stale, and those of a time without any', () => {
  const udp = service({ ports: [{ name: 'dns', port: 53, protocol: 'UDP' }] });
  const at = (...addresses: string[]) => servicePorts(udp, [slice(addresses.map((ip) => endpoint(ip)), [{ name: 'dns', port: 53, protocol: 'UDP' }])], here);
  assert.deepEqual(staleFlows(at('10.0.0.1', '10.0.0.2'), at('10.0.0.2')), [{ family: 'IPv4', address: '10.96.0.7', port: 53, backend: '10.0.0.1' }]);
  assert.deepEqual(staleFlows(at(), at('10.0.0.2')), [{ family: 'IPv4', address: '10.96.0.7', port: 53, backend: undefined }]);
  assert.deepEqual(staleFlows(at('10.0.0.1'), at('10.0.0.1', '10.0.0.2')), []);
  assert.deepEqual(staleFlows(at('10.0.0.1'), []), [{ family: 'IPv4', address: '10.96.0.7', port: 53, backend: '10.0.0.1' }]);
});
