import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Item } from '../watch/item.ts';
import { ListBody } from './list-body.ts';

const bodyOf = (texts: readonly string[]) => new ListBody('{"items":[', texts.map(itemOf));
function itemOf(text: string): Item {
  const json = JSON.stringify(text);
  return { jsonBytes: Buffer.byteLength(json), writeJson: (to: Buffer, at: number) => at + to.write(json, at) } as Item;
}

const sizes: Record<string, readonly number[]> = {
  'no item': [],
  'one item': [3],
  'many small items': Array.from({ length: 5000 }, (_, n) => n % 100),
  'items larger than a piece': [10, 200_000, 10, 70_000, 65_534, 65_533],
};

for (const [what, lengths] of Object.entries(sizes)) {
  test(`${what}: the pieces make the list, and its length is known beforehand`, () => {
    const texts = lengths.map((length) => (length % 2 ? 'x' : 'ü').repeat(length));
    const body = bodyOf(texts);
    const text = Array.from(body.pieces(), (piece) => piece.toString()).join('');
    assert.deepEqual(JSON.parse(text), { items: texts });
    assert.equal(body.length, Buffer.byteLength(text));
    assert.equal(body.whole().toString(), text);
  });
}
