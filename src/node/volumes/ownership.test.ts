import assert from 'node:assert/strict';
import { chmodSync, lstatSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { pod } from '../testing/pods.ts';
import { giveToGroup } from './ownership.ts';

const skip = process.getuid?.() === 0 ? false : 'needs root: it gives files away';
const grouped = (policy?: string) => pod({ securityContext: { fsGroup: 2000, ...(policy ? { fsGroupChangePolicy: policy } : {}) } });

async function inVolume(run: (volume: string) => Promise<void>): Promise<void> {
  const volume = mkdtempSync(join(tmpdir(), 'peapod-group-'));
  mkdirSync(join(volume, 'deep'));
  writeFileSync(join(volume, 'deep', 'file'), 'x', { mode: 0o600 });
  symlinkSync('/etc/passwd', join(volume, 'link'));
  chmodSync(volume, 0o755);
  try {
    await run(volume);
  } finally {
    rmSync(volume, { recursive: true });
  }
}

const seen = (path: string) => {
  const { gid, mode } = lstatSync(path);
  return [gid, (mode & 0o7777).toString(8)];
};

test('all is the group\'s, directories pass it on, links are not followed', { skip }, () => inVolume(async (volume) => {
  const before = statSync('/etc/passwd').gid;
  await giveToGroup(volume, grouped(), false);
  assert.deepEqual([seen(volume), seen(join(volume, 'deep')), seen(join(volume, 'deep', 'file'))], [[2000, '2775'], [2000, '2775'], [2000, '660']]);
  assert.equal(lstatSync(join(volume, 'link')).gid, 2000);
  assert.equal(statSync('/etc/passwd').gid, before);
}));

test('a volume that is only read is only read by the group', { skip }, () => inVolume(async (volume) => {
  await giveToGroup(volume, grouped(), true);
  assert.deepEqual([seen(volume), seen(join(volume, 'deep', 'file'))], [[2000, '2755'], [2000, '640']]);
}));

test('OnRootMismatch leaves what is below alone when the root is right', { skip }, () => inVolume(async (volume) => {
  await giveToGroup(volume, grouped('OnRootMismatch'), false);
  assert.deepEqual(seen(join(volume, 'deep', 'file')), [2000, '660']);
  writeFileSync(join(volume, 'deep', 'other'), 'x', { mode: 0o600 });
  await giveToGroup(volume, grouped('OnRootMismatch'), false);
  assert.equal(seen(join(volume, 'deep', 'other'))[1], '600');
  chmodSync(volume, 0o755);
  await giveToGroup(volume, grouped('OnRootMismatch'), false);
  assert.equal(seen(join(volume, 'deep', 'other'))[1], '660');
}));

test('without fsGroup nothing is changed', { skip }, () => inVolume(async (volume) => {
  await giveToGroup(volume, pod(), false);
  assert.equal(seen(volume)[1], '755');
}));
