import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { unmount } from './mounts.ts';
import { mountSubPath, openSubPath } from './sub-path.ts';

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

test('a place that is swapped for a link, again and again, is inside or refused', { skip }, () => inVolume(async (volume, _mount, outside) => {
  mkdirSync(join(volume, 'inside'));
  symlinkSync('inside', join(volume, 'link'));
  mkdirSync(join(volume, 'above', 'place'), { recursive: true });
  // A link that turns between inside and outside, and a directory on the way that is sometimes a link to outside.
  const script = 'cd "$1" && mkdir -p "$2/place" && while :; do ln -s inside a; mv -T a link; ln -s "$2" b; mv -T b link; mv above kept; ln -s "$2" above; rm above; mv kept above; done';
  const swapper = spawn('sh', ['-c', script, 'sh', volume, outside], { stdio: 'ignore', detached: true });
  const ended = once(swapper, 'exit');
  const found = { inside: 0, refused: 0 };
  try {
    for (let turn = 0; turn < 400; turn++) {
      const handle = await openSubPath(volume, turn % 2 ? 'link' : 'above/place').catch(() => undefined);
      if (!handle) {
        found.refused++;
        continue;
      }
      const real = readlinkSync(`/proc/self/fd/${handle.fd}`);
      await handle.close();
      assert.ok(real.startsWith(`${volume}/`), `opened ${real}`);
      found.inside++;
    }
  } finally {
    // With the program that it runs just now, which would go on in what is to be removed.
    process.kill(-swapper.pid!, 'SIGKILL');
    await ended;
  }
  assert.ok(found.inside > 0 && found.refused > 0, JSON.stringify(found));
}));

test('what is mounted from before is kept while it is the same, and replaced when it is not', { skip }, () => inVolume(async (volume, _mount, outside) => {
  const target = join(outside, 'target');
  mkdirSync(join(volume, 'place'));
  writeFileSync(join(volume, 'place', 'file'), 'old');
  try {
    await mountSubPath(volume, 'place', target, signal);
    await mountSubPath(volume, 'place', target, signal);
    assert.equal(readFileSync('/proc/self/mountinfo', 'utf8').split('\n').filter((line) => line.includes(` ${target} `)).length, 1);
    rmSync(join(volume, 'place'), { recursive: true });
    mkdirSync(join(volume, 'place'));
    writeFileSync(join(volume, 'place', 'file'), 'new');
    await mountSubPath(volume, 'place', target, signal);
    assert.equal(readFileSync(join(target, 'file'), 'utf8'), 'new');
  } finally {
    await unmount(target, signal);
  }
}));
