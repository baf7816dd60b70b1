import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EndpointSlice, Service } from '../../api/types.ts';
import { reverseName, serviceNames } from './service-names.ts';
import { Zone } from './zone.ts';

const domain = 'cluster.local';

function zoneWith(...owned: [Service, EndpointSlice[]][]): Zone {
  const zone = new Zone(domain, (name) => name === 'shop' || name === 'empty');
  owned.forEach(([service, slices], index) => zone.put(`${index}`, serviceNames(service, slices, domain)));
  return zone;
}

const service = (name: string, spec: object) => ({ metadata: { name, namespace: 'shop' }, spec }) as unknown as Service;
const slice = (endpoints: object[], ports: object[] = []) => ({ metadata: { name: 's' }, addressType: 'IPv4', endpoints, ports }) as unknown as EndpointSlice;
const answers = (zone: Zone, name: string, type: string) => {
  const found = zone.find(name, type);
  return found.type === 'records' ? found.records.map((record) => ('ip' in record ? record.ip : 'port' in record ? `${record.port} ${record.target}` : 'target' in record ? record.target : record.text)) : found.type;
};

const web = service('web', { clusterIP: '10.96.0.7', clusterIPs: ['10.96.0.7'], ports: [{ name: 'http', port: 80, protocol: 'TCP' }, { port: 81 }] });
const db = service('db', { clusterIP: 'None', clusterIPs: ['None'] });
const dbSlice = slice([
  { addresses: ['10.85.0.2'], hostname: 'db-0', conditions: { ready: true } },
  { addresses: ['10.85.0.3'], conditions: { ready: true } },
  { addresses: ['10.85.0.4'], conditions: { ready: false } },
], [{ name: 'sql', port: 5432, protocol: 'TCP' }]);

test('a Service: address, ports, reverse', () => {
  const zone = zoneWith([web, []]);
  assert.deepEqual(answers(zone, 'web.shop.svc.cluster.local', 'A'), ['10.96.0.7']);
  assert.deepEqual(answers(zone, '_http._tcp.web.shop.svc.cluster.local', 'SRV'), ['80 web.shop.svc.cluster.local']);
  assert.deepEqual(answers(zone, '7.0.96.10.in-addr.arpa', 'PTR'), ['web.shop.svc.cluster.local']);
});

test('a headless one: its ready endpoints, by host name or address', () => {
  const zone = zoneWith([db, [dbSlice]]);
  assert.deepEqual(answers(zone, 'db.shop.svc.cluster.local', 'A'), ['10.85.0.2', '10.85.0.3']);
  assert.deepEqual(answers(zone, 'db-0.db.shop.svc.cluster.local', 'A'), ['10.85.0.2']);
  assert.deepEqual(answers(zone, '10-85-0-3.db.shop.svc.cluster.local', 'A'), ['10.85.0.3']);
  assert.deepEqual(answers(zone, '_sql._tcp.db.shop.svc.cluster.local', 'SRV'), ['5432 db-0.db.shop.svc.cluster.local', '5432 10-85-0-3.db.shop.svc.cluster.local']);
  assert.deepEqual(answers(zone, '2.0.85.10.in-addr.arpa', 'PTR'), ['db-0.db.shop.svc.cluster.local']);
  assert.equal(answers(zone, '10-85-0-4.db.shop.svc.cluster.local', 'A'), 'no-name');
});

test('an ExternalName is an alias for every type', () => {
  const zone = zoneWith([service('ext', { type: 'ExternalName', externalName: 'Example.COM.' }), []]);
  for (const type of ['A', 'AAAA', 'SRV']) assert.deepEqual(answers(zone, 'ext.shop.svc.cluster.local', type), ['example.com']);
});

test('Pods by their address, in namespaces that there are', () => {
  const zone = zoneWith();
  assert.deepEqual(answers(zone, '10-85-0-9.shop.pod.cluster.local', 'A'), ['10.85.0.9']);
  assert.equal(answers(zone, '10-85-0-9.shop.pod.cluster.local', 'AAAA'), 'no-data');
  assert.deepEqual(answers(zone, 'fd00-10-85--9.shop.pod.cluster.local', 'AAAA'), ['fd00:10:85::9']);
  assert.equal(answers(zone, 'fd00-10-85--9.shop.pod.cluster.local', 'A'), 'no-data');
  for (const name of ['10-85-0-9.nowhere.pod', '10-85-0-900.shop.pod', 'x.shop.pod', 'a.10-85-0-9.shop.pod']) assert.equal(answers(zone, `${name}.cluster.local`, 'A'), 'no-name', name);
});

test('nothing of that type is not the same as nothing of that name', () => {
  const zone = zoneWith([web, []]);
  for (const [name, type] of [['web.shop.svc', 'AAAA'], ['_tcp.web.shop.svc', 'A'], ['shop.svc', 'A'], ['empty.svc', 'A'], ['svc', 'A']]) assert.equal(answers(zone, `${name}.cluster.local`, type!), 'no-data', name);
  for (const name of ['nope.shop.svc', 'nowhere.svc', 'web.nowhere.svc', 'x']) assert.equal(answers(zone, `${name}.cluster.local`, 'A'), 'no-name', name);
  assert.equal(answers(zone, 'cluster.local', 'A'), 'no-data');
  for (const name of ['example.com', 'xcluster.local', '1.0.0.127.in-addr.arpa']) assert.equal(answers(zone, name, 'A'), 'elsewhere', name);
});

test('what an owner had goes when it is replaced, and the names above it', () => {
  const zone = zoneWith([web, []]);
  zone.put('0', []);
  for (const name of ['web.shop.svc', '_http._tcp.web.shop.svc', '_tcp.web.shop.svc']) assert.equal(answers(zone, `${name}.cluster.local`, 'A'), 'no-name', name);
  assert.equal(answers(zone, '7.0.96.10.in-addr.arpa', 'PTR'), 'elsewhere');
});

test('both families: addresses, reverse, endpoints', () => {
  const dual = service('dual', { clusterIP: '10.96.0.8', clusterIPs: ['10.96.0.8', 'fd00:96::8'], ports: [{ name: 'http', port: 80 }] });
  const slice6 = { ...slice([{ addresses: ['fd00:85::3'], conditions: { ready: true } }], [{ name: 'sql', port: 5432 }]), addressType: 'IPv6' } as EndpointSlice;
  const zone = zoneWith([dual, []], [db, [dbSlice, slice6]]);
  assert.deepEqual([answers(zone, 'dual.shop.svc.cluster.local', 'A'), answers(zone, 'dual.shop.svc.cluster.local', 'AAAA')], [['10.96.0.8'], ['fd00:96::8']]);
  assert.deepEqual(answers(zone, reverseName('fd00:96::8'), 'PTR'), ['dual.shop.svc.cluster.local']);
  assert.deepEqual(answers(zone, '_http._tcp.dual.shop.svc.cluster.local', 'SRV'), ['80 dual.shop.svc.cluster.local']);
  assert.deepEqual(answers(zone, 'db.shop.svc.cluster.local', 'AAAA'), ['fd00:85::3']);
  assert.deepEqual(answers(zone, 'fd00-85--3.db.shop.svc.cluster.local', 'AAAA'), ['fd00:85::3']);
});

test('reverse names of both families', () => {
  assert.equal(reverseName('10.1.2.3'), '3.2.1.10.in-addr.arpa');
  assert.equal(reverseName('fd00::1:2'), '2.0.0.0.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa');
});
