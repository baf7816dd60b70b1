import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from '../base/testing/fast-check.ts';
import { addQuantities, canonicalQuantity, compareQuantities, formatQuantity, milliOf, parseQuantity, quantity, quantityToNumber, roundUpToMilli, subtractQuantities, unitsOf } from './quantity.ts';

const canonical: readonly (readonly [written: string | number, canonical: string, milli: number])[] = [
  ['0', '0', 0],
  ['1', '1', 1000],
  [2, '2', 2000],
  [1.5, '1500m', 1500],
  ['500m', '500m', 500],
  ['0.5', '500m', 500],
  ['.5', '500m', 500],
  ['5.', '5', 5000],
  ['+1', '1', 1000],
  ['1000', '1k', 1_000_000],
  ['1500', '1500', 1_500_000],
  ['1000m', '1', 1000],
  ['100n', '100n', 1],
  ['1u', '1u', 1],
  ['0.0000000001', '1n', 1],
  ['12e6', '12e6', 12_000_000_000],
  ['1E3', '1e3', 1_000_000],
  ['12e-1', '1200e-3', 1200],
  ['2E', '2E', 2e21],
  ['64Ki', '64Ki', 65_536_000],
  ['1024Mi', '1Gi', 1_073_741_824_000],
  ['1.5Gi', '1536Mi', 1_610_612_736_000],
  ['0.5Ki', '512', 512_000],
  ['1023', '1023', 1_023_000],
  ['-5Mi', '-5Mi', -5_242_880_000],
  ['-100m', '-100m', -100],
];

test('a quantity is written back in its one canonical form', () => {
  for (const [written, expected, milli] of canonical) {
    assert.equal(canonicalQuantity(written), expected, String(written));
    assert.equal(milliOf(written), milli, String(written));
  }
});

test('what is no quantity', () => {
  for (const text of ['', '.', 'abc', '1 ', ' 1', '1 Gi', '1kB', '1GiB', '--1', '1e', '1e3e3', '0x10', '1,5', 'Mi', '1.2.3', '1mi', '1K']) {
    assert.equal(parseQuantity(text), undefined, JSON.stringify(text));
  }
  assert.throws(() => quantity('many'), /quantities must match the regular expression/);
});

test('larger than the API can hold is held at its largest', () => {
  assert.equal(canonicalQuantity('99999999999E'), '9223372036854775807');
});

test('sums keep the first format, and compare across formats', () => {
  assert.equal(formatQuantity(addQuantities(quantity('1Gi'), quantity('1Gi'))), '2Gi');
  assert.equal(formatQuantity(addQuantities(quantity('0'), quantity('64Mi'))), '64Mi');
  assert.equal(formatQuantity(subtractQuantities(quantity('2'), quantity('500m'))), '1500m');
  assert.equal(compareQuantities(quantity('1Ki'), quantity('1024')), 0);
  assert.ok(compareQuantities(quantity('1k'), quantity('1Ki')) < 0);
  assert.ok(compareQuantities(quantity('1'), quantity('999m')) > 0);
});

test('rounding is up', () => {
  assert.equal(formatQuantity(roundUpToMilli(quantity('100n'))), '1m');
  assert.equal(unitsOf('1m'), 1);
  assert.equal(unitsOf('1500m'), 2);
  assert.equal(quantityToNumber(quantity('1500m')), 1.5);
});

test('any whole number of milli survives being written and read', () => {
  fc.assert(
    fc.property(fc.integer({ min: -1e9, max: 1e9 }), fc.constantFrom('m', '', 'k', 'Ki', 'Mi'), (count, suffix) => {
      const first = quantity(`${count}${suffix}`);
      const again = quantity(formatQuantity(first));
      assert.equal(again.nano, first.nano);
      assert.equal(formatQuantity(again), formatQuantity(first));
    }),
  );
});
