import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Node } from '../../api/types.ts';
import { peersOf, reachFrom, routeTo, vxlanCommands } from './node-routes-plan.ts';

const plan = { bridge: 'peapod0', podRange: '10.85.0.0/24', clusterRange: '10.85.0.0/18', serviceRange: '10.96.0.0/20' };
const node = (name: string, address: string | undefined, ...ranges: string[]) =>
  ({ metadata: { name }, spec: { podCIDR: ranges[0], podCIDRs: ranges }, status: { addresses: address ? [{ type: 'Hostname', address: name }, { type: 'InternalIP', address }] : [] } }) as unknown as Node;

test('the other nodes that have an address and a range within the cluster are peers', () => {
  const nodes = [node('b', '192.0.2.2', '10.85.1.0/24'), node('own', '192.0.2.1', '10.85.0.0/24'), node('simulated', '172.16.0.1', '10.128.0.0/24'), node('new', undefined, '10.85.2.0/24'), node('bare', '192.0.2.4'), node('a', '192.0.2.3', 'fd00::/64', '10.85.3.0/24')];
  assert.deepEqual(peersOf(nodes, 'own', plan), [{ name: 'a', address: '192.0.2.3', podRange: '10.85.3.0/24' }, { name: 'b', address: '192.0.2.2', podRange: '10.85.1.0/24' }]);
});

test('on the link of its own address a node is reached as it is; by another of its links it is a router like any', () => {
  assert.deepEqual(reachFrom('192.0.2.2 dev eth0 src 192.0.2.1 uid 0', '192.0.2.1'), { reach: 'link', link: 'eth0' });
  assert.deepEqual(reachFrom('198.51.100.2 via 192.0.2.254 dev eth0 src 192.0.2.1 uid 0', '192.0.2.1'), { reach: 'routed', link: 'eth0' });
  assert.deepEqual(reachFrom('198.51.100.2 dev eth1 src 198.51.100.1 uid 0', '192.0.2.1'), { reach: 'routed', link: 'eth1' });
});

test('a route over a link is plain; through a router it is wrapped, and what it needs follows from the range', () => {
  const peer = { name: 'b', address: '192.0.2.2', podRange: '10.85.1.0/24' };
  assert.deepEqual(routeTo(peer, 'link', plan), { route: '10.85.1.0/24 via 192.0.2.2' });
  assert.deepEqual(routeTo(peer, 'routed', plan), {
    route: '10.85.1.0/24 via 10.85.1.0 dev peapod0-vx onlink',
    neighbour: '10.85.1.0 lladdr 0a:59:0a:55:01:00 dev peapod0-vx nud permanent',
    forwarding: '0a:59:0a:55:01:00 dev peapod0-vx dst 192.0.2.2',
  });
  assert.deepEqual(vxlanCommands(plan, '192.0.2.1', 1500), [
    'link add peapod0-vx mtu 1450 type vxlan id 677120 local 192.0.2.1 dstport 8472 nolearning',
    'link set peapod0-vx address 0a:59:0a:55:00:00 up',
    'address replace 10.85.0.0/32 dev peapod0-vx',
  ]);
});
