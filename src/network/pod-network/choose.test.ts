import assert from 'node:assert/strict';
import { test } from 'node:test';
import { choosePodNetwork, gatewayOf } from './choose.ts';
import { parseTrie } from './machine-network.ts';

test('the first free bridge and ranges are taken', () => {
  assert.deepEqual(choosePodNetwork({ links: ['lo', 'eth0'], ranges: ['192.0.2.0/24'] }), { bridge: 'peapod0', podRange: '10.85.0.0/24', serviceRange: '10.96.0.0/20' });
});

test('what another cluster or a VPN uses is left alone', () => {
  const machine = { links: ['peapod0', 'peapod2', 'tun0'], ranges: ['10.85.0.0/24', '10.85.2.1/32', '10.96.0.0/19', '10.0.0.0/10'] };
  assert.deepEqual(choosePodNetwork(machine), { bridge: 'peapod1', podRange: '10.85.1.0/24', serviceRange: '10.96.32.0/20' });
});

test('a wanted range is kept to, or refused with the reason', () => {
  const machine = { links: [], ranges: ['10.0.0.0/16'] };
  assert.equal(choosePodNetwork(machine, { podRange: '10.1.2.0/24' }).podRange, '10.1.2.0/24');
  assert.throws(() => choosePodNetwork(machine, { podRange: '10.0.3.0/24' }), /the Pod range 10\.0\.3\.0\/24 overlaps 10\.0\.0\.0\/16/);
  assert.throws(() => choosePodNetwork(machine, { podRange: '10.1.0.0/24', serviceRange: '10.1.0.0/16' }), /service range .* overlaps 10\.1\.0\.0\/24/);
  assert.throws(() => choosePodNetwork(machine, { podRange: '10.1.0.0/28' }), /too small/);
  assert.throws(() => choosePodNetwork(machine, { podRange: '10.1.0.0/33' }), /no IPv4 range/);
  assert.throws(() => choosePodNetwork({ links: [], ranges: ['10.0.0.0/8'] }), /no IPv4 range is free for Pods/);
});

test('the gateway is the first address of the range', () => {
  assert.equal(gatewayOf({ bridge: 'x', podRange: '10.85.7.0/24', serviceRange: '' }), '10.85.7.1');
});

test("the kernel's table is read with every kind of route, without default routes and loopback", () => {
  const trie = `Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     |-- 10.85.0.0
        /24 universe UNREACHABLE
        /24 link UNICAST
     +-- 127.0.0.0/8 2 0 2
        |-- 127.0.0.1
           /32 host LOCAL
     |-- 192.0.2.2
        /32 host LOCAL
`;
  assert.deepEqual(parseTrie(trie), ['10.85.0.0/24', '192.0.2.2/32']);
});
