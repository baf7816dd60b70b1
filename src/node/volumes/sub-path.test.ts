import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { unmount } from './mounts.ts';
import { mountSubPath } from './sub-path.ts';

const signal = new AbortController().signal;
const skip = process.getuid?.() === 0 ? false : 'needs root: it mounts';

async function inVolume(run: (volume: string, mount: (subPath: string) => Promise<string>, outside: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'peapod-subpath-'));
  const [volume, outside] = [join(directory, 'volume'), join(directory, 'outside')];
  mkdirSync(volume);
  mkdirSync(outside);
  writeFileSync(join(outside, 'secret'), 'secret');
  const mounted: string[] = [];
  try {
    await run(volume, async (subPath) => {
      const target = join(directory, `target-${mounted.length}`);
      await mountSubPath(volume, subPath, target, signal);
      mounted.push(target);
      return target;
    }, outside);
  } finally {
    for (const target of mounted) await unmount(target, signal);
    rmSync(directory, { recursive: true });
  }
}

test('a directory and a file of the volume', { skip }, () => inVolume(async (volume, mount) => {
  mkdirSync(join(volume, 'a/b'), { recursive: true });
  writeFileSync(join(volume, 'a/b/file'), 'text');
  assert.equal(readFileSync(join(await mount('a/b'), 'file'), 'utf8'), 'text');
  assert.equal(readFileSync(await mount('a/b/file'), 'utf8'), 'text');
}));

test('what is missing is made', { skip }, () => inVolume(async (volume, mount) => {
  writeFileSync(join(await mount('new/deep'), 'file'), 'x');
  assert.ok(existsSync(join(volume, 'new/deep/file')));
}));

test('a link inside the volume is followed', { skip }, () => inVolume(async (volume, mount) => {
  mkdirSync(join(volume, 'real'));
  writeFileSync(join(volume, 'real/file'), 'x');
  symlinkSync('real', join(volume, 'link'));
  assert.equal(readFileSync(join(await mount('link'), 'file'), 'utf8'), 'x');
}));

test('no way leads out of the volume', { skip }, () => inVolume(async (volume, mount, outside) => {
  symlinkSync(outside, join(volume, 'absolute'));
  symlinkSync('../outside', join(volume, 'relative'));
  symlinkSync('/etc/passwd', join(volume, 'file'));
  for (const subPath of ['absolute', 'relative', 'absolute/secret', 'absolute/new', 'file']) await assert.rejects(mount(subPath), /not within volume path/, subPath);
  for (const subPath of ['../outside', 'a/../../outside', '/etc']) await assert.rejects(mount(subPath), /must not be absolute or contain/, subPath);
  assert.ok(!existsSync(join(outside, 'new')));
}));
