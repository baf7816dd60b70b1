import assert from 'node:assert/strict';
import { test } from 'node:test';
import { choosePodNetwork, gateway6Of, gatewayOf } from './choose.ts';
import { parseAddresses6, parseRoutes6, parseTrie } from './machine-network.ts';

const none6 = { ranges6: [], hasIPv6: false };

test('the first free bridge and ranges are taken', () => {
  assert.deepEqual(choosePodNetwork({ links: ['lo', 'eth0'], ranges: ['192.0.2.0/24'], ...none6 }), { bridge: 'peapod0', podRange: '10.85.0.0/24', clusterRange: '10.85.0.0/18', serviceRange: '10.96.0.0/20' });
});

test('what another cluster or a VPN uses is left alone', () => {
  const machine = { links: ['peapod0', 'peapod2', 'tun0'], ranges: ['10.85.0.0/24', '10.85.2.1/32', '10.96.0.0/19', '10.0.0.0/10'], ...none6 };
  assert.deepEqual(choosePodNetwork(machine), { bridge: 'peapod1', podRange: '10.85.64.0/24', clusterRange: '10.85.64.0/18', serviceRange: '10.96.32.0/20' });
});

test('a wanted range is kept to, or refused with the reason', () => {
  const machine = { links: [], ranges: ['10.0.0.0/16'], ...none6 };
  assert.equal(choosePodNetwork(machine, { podRange: '10.1.2.0/24' }).podRange, '10.1.2.0/24');
  const large = choosePodNetwork(machine, { podRange: '10.8.0.0/14' });
  assert.deepEqual([large.clusterRange, large.podRange], ['10.8.0.0/14', '10.8.0.0/24']);
  assert.throws(() => choosePodNetwork(machine, { podRange: '10.0.3.0/24' }), /the Pod range 10\.0\.3\.0\/24 overlaps 10\.0\.0\.0\/16/);
  assert.throws(() => choosePodNetwork(machine, { podRange: '10.1.0.0/24', serviceRange: '10.1.0.0/16' }), /service range .* overlaps 10\.1\.0\.0\/24/);
  assert.throws(() => choosePodNetwork(machine, { podRange: '10.1.0.0/28' }), /too small/);
  assert.throws(() => choosePodNetwork(machine, { podRange: '10.1.0.0/33' }), /no IPv4 range/);
  assert.throws(() => choosePodNetwork({ links: [], ranges: ['10.0.0.0/8'], ...none6 }), /no IPv4 range is free for Pods/);
});

test('IPv6 ranges are taken too when they are asked for, where the machine has it', () => {
  const machine = { links: [], ranges: [], ranges6: ['fd00::/64', 'fd00:10:85::/64', 'fd00:10:96::/111'], hasIPv6: true };
  assert.deepEqual(choosePodNetwork(machine, { ipv6: true }), { bridge: 'peapod0', podRange: '10.85.0.0/24', clusterRange: '10.85.0.0/18', serviceRange: '10.96.0.0/20', podRange6: 'fd00:10:85:1::/64', serviceRange6: 'fd00:10:96:1::/112' });
  for (const wanted of [{}, { ipv6: false }]) assert.equal(choosePodNetwork(machine, wanted).podRange6, undefined);
  const wanted = choosePodNetwork(machine, { podRange: '10.1.0.0/24', podRange6: 'fd12::/100' });
  assert.deepEqual([wanted.podRange6, wanted.serviceRange6, gateway6Of(wanted)], ['fd12::/100', 'fd00:10:96:1::/112', 'fd12::1']);
  assert.throws(() => choosePodNetwork(machine, { podRange6: 'fd00:10:85::80/121' }), /the Pod range fd00:10:85::80\/121 overlaps fd00:10:85::\/64/);
  assert.throws(() => choosePodNetwork(machine, { podRange6: 'fd12::/121' }), /too small: \/120/);
  assert.throws(() => choosePodNetwork(machine, { podRange6: 'fd12::/64', serviceRange6: 'fd12::/112' }), /service range .* overlaps fd12::\/64/);
  assert.throws(() => choosePodNetwork({ ...machine, hasIPv6: false }, { ipv6: true }), /no IPv6/);
});

test('IPv6 addresses and routes are read from the kernel, without those of a link, of loopback and by default', () => {
  assert.deepEqual(parseAddresses6(`00000000000000000000000000000001 01 80 10 80       lo
fd000000000000000000000000000002 04 40 00 82     eth0
fe8000000000000000fc00fffe000001 04 40 20 80     eth0
`), [{ range: 'fd00::2/128', link: 'eth0' }]);
  const rest = '00000000000000000000000000000000 00 00000000000000000000000000000000 00000400 00000001 00000000 00200200       lo';
  assert.deepEqual(parseRoutes6(['fd001000000000000000000000000000 14', 'fe800000000000000000000000000000 40', 'ff000000000000000000000000000000 08', '00000000000000000000000000000001 80', '00000000000000000000000000000000 00'].map((line) => `${line} ${rest}\n`).join('')), ['fd00:1000::/20']);
});

test('the gateway is the first address of the range', () => {
  assert.equal(gatewayOf({ podRange: '10.85.7.0/24' }), '10.85.7.1');
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
