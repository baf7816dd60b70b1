import assert from 'node:assert/strict';
import { test } from 'node:test';
import { podBandwidth } from '../../api/kinds/pod/bandwidth.ts';
import { farEnd, limitArguments } from './limit-bandwidth.ts';

const of = (annotations: Record<string, string>) => podBandwidth({ metadata: { annotations } as never });

test('the annotations of a Pod, and what is refused in which words', () => {
  assert.equal(of({}), undefined);
  assert.deepEqual(of({ 'kubernetes.io/ingress-bandwidth': '10M' }), { ingressBits: 10_000_000, egressBits: undefined });
  assert.deepEqual(of({ 'kubernetes.io/ingress-bandwidth': '1k', 'kubernetes.io/egress-bandwidth': '1P' }), { ingressBits: 1000, egressBits: 1e15 });
  const refused = (value: string, words: RegExp) => assert.throws(() => of({ 'kubernetes.io/egress-bandwidth': value }), words);
  refused('fast', /^Error: quantities must match the regular expression/);
  refused('999', /^Error: resource is unreasonably small \(< 1kbit\)$/);
  refused('-1M', /unreasonably small/);
  refused('2P', /^Error: resource is unreasonably large \(> 1Pbit\)$/);
});

test('what tc is told', () => {
  assert.equal(limitArguments('eth0', 10_000_000).join(' '), 'qdisc replace dev eth0 root tbf rate 10000000bit burst 125000b latency 25ms');
  assert.match(limitArguments('eth0', 1000).join(' '), / burst 3200b /);
  assert.match(limitArguments('eth0', 1e15).join(' '), / rate 1000000000000000bit burst 1073741824b /);
});

test('the other end of a link', () => {
  const outside = '1: lo: <LOOPBACK,UP> mtu 65536\n12: veth1a@if2: <BROADCAST> mtu 1500\n112: veth2b@if2: <BROADCAST> mtu 1500\n';
  assert.equal(farEnd('2: eth0@if12: <BROADCAST,UP> mtu 1500', outside), 'veth1a');
  assert.equal(farEnd('2: eth0@if13: <BROADCAST,UP> mtu 1500', outside), undefined);
  assert.equal(farEnd('2: eth0: <BROADCAST,UP> mtu 1500', outside), undefined);
});
