import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pod } from '../testing/pods.ts';
import { dotted, forbiddenSysctl, mayBeAllowed } from './sysctls.ts';

test('a sysctl is safe from the kernel on that gives each namespace its own', () => {
  const of = pod({ securityContext: { sysctls: [{ name: 'net.ipv4.tcp_rmem', value: '1' }] } });
  assert.equal(forbiddenSysctl(of, [], '4.14.9'), '"net.ipv4.tcp_rmem" not allowlisted');
  assert.equal(forbiddenSysctl(of, [], '4.15.0-generic'), undefined);
  assert.equal(forbiddenSysctl(of, [], '6.1'), undefined);
});

test('either separator is read', () => {
  assert.equal(dotted('net/ipv4/conf/eth0.1/forwarding'), 'net.ipv4.conf.eth0/1.forwarding');
  assert.equal(dotted('net.ipv4.conf.eth0/1.forwarding'), 'net.ipv4.conf.eth0/1.forwarding');
});

test('only what a namespace has of its own can be allowed', () => {
  for (const name of ['kernel.msg*', 'kernel.shmmax', 'kernel.sem', 'fs.mqueue.*', 'net.*', 'net/core/somaxconn']) assert.ok(mayBeAllowed(name), name);
  for (const name of ['kernel.*', '*', 'vm.swappiness', 'kernel.panic']) assert.ok(!mayBeAllowed(name), name);
});
