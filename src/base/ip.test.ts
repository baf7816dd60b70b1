import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from './testing/fast-check.ts';
import { formatIp, formatIpRange, holds, ipAt, parseIp, parseIpRange, rangesOverlap } from './ip.ts';

test('addresses are written in their shortest form', () => {
  const written = (text: string) => formatIp(parseIp(text)!);
  assert.equal(written('10.0.255.1'), '10.0.255.1');
  for (const [text, short] of [['FD00:0:0:0:0:0:0:000A', 'fd00::a'], ['::', '::'], ['::1', '::1'], ['2001:db8:0:1:0:0:0:1', '2001:db8:0:1::1'], ['1:0:2:3:4:5:6:7', '1:0:2:3:4:5:6:7'], ['1:0:0:2:0:0:0:0', '1:0:0:2::'], ['::ffff:1.2.3.4', '::ffff:102:304']]) {
    assert.equal(written(text!), short);
  }
  for (const text of ['', '10.0.0', '10.0.0.256', 'fd00::1%eth0', '1::2::3', 'x', '10.0.0.1/24']) assert.equal(parseIp(text), undefined, text);
  fc.assert(fc.property(fc.bigInt(0n, (1n << 128n) - 1n), (value) => assert.deepEqual(parseIp(formatIp({ family: 'IPv6', value })), { family: 'IPv6', value })));
});

test('ranges: what they hold, and what they share', () => {
  const range = parseIpRange('fd00:10:85:3::/64')!;
  assert.equal(formatIpRange(parseIpRange('fd00:10:85:3::77/64')!), 'fd00:10:85:3::/64');
  assert.equal(ipAt(range, 10), 'fd00:10:85:3::a');
  assert.deepEqual(['fd00:10:85:3::1', 'fd00:10:85:4::1', '10.0.0.1'].map((text) => holds(range, parseIp(text)!)), [true, false, false]);
  assert.ok(rangesOverlap(range, parseIpRange('fd00:10::/32')!));
  assert.ok(!rangesOverlap(range, parseIpRange('0.0.0.0/0')!));
  for (const text of ['fd00::/129', '10.0.0.0/33', '10.0.0.0/x', '10.0.0.0/8/8']) assert.equal(parseIpRange(text), undefined, text);
});
