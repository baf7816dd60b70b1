import assert from 'node:assert/strict';
import { lstatSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { VirtualClock } from '../../base/virtual-clock.ts';
import { writeAtomically, type Payload } from './atomic-writer.ts';

const payload = (files: Record<string, string>): Payload => new Map(Object.entries(files).map(([path, text]) => [path, { bytes: Buffer.from(text), mode: 0o640 }]));

async function inVolume(run: (volume: string, write: (files: Record<string, string>) => Promise<boolean>) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'peapod-atomic-'));
  const volume = join(directory, 'volume');
  try {
    await run(volume, (files) => writeAtomically(volume, payload(files), async () => {}, new VirtualClock()));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const visible = (volume: string) => readdirSync(volume).filter((name) => !name.startsWith('..')).sort();

test('files are reached through ..data, with their modes', () => inVolume(async (volume, write) => {
  assert.equal(await write({ a: '1', 'deep/b': '2' }), true);
  assert.deepEqual(visible(volume), ['a', 'deep']);
  assert.equal(readFileSync(join(volume, 'deep/b'), 'utf8'), '2');
  assert.equal(readlinkSync(join(volume, 'a')), '..data/a');
  assert.equal(statSync(join(volume, 'a')).mode & 0o777, 0o640);
  assert.ok(lstatSync(join(volume, '..data')).isSymbolicLink());
}));

test('a change swaps all at once and leaves no old directory', () => inVolume(async (volume, write) => {
  await write({ a: '1', b: '1' });
  const before = readlinkSync(join(volume, '..data'));
  assert.equal(await write({ a: '2', c: '2' }), true);
  assert.deepEqual(visible(volume), ['a', 'c']);
  assert.equal(readFileSync(join(volume, 'a'), 'utf8'), '2');
  assert.notEqual(readlinkSync(join(volume, '..data')), before);
  assert.equal(readdirSync(volume).filter((name) => name.startsWith('..2')).length, 1);
}));

test('the same content is not written again', () => inVolume(async (volume, write) => {
  await write({ a: '1' });
  const before = readlinkSync(join(volume, '..data'));
  assert.equal(await write({ a: '1' }), false);
  assert.equal(readlinkSync(join(volume, '..data')), before);
}));

for (const path of ['../out', '/etc/x', 'a/../../b', '..data/x', '']) {
  test(`refuses ${JSON.stringify(path)}`, () => inVolume(async (_volume, write) => {
    await assert.rejects(write({ [path]: 'x' }), /invalid path/);
  }));
}
