import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { PullCredential } from './pull-auth.ts';
import { accessTo, afterPull, PullRecords, repositoryOf } from './pull-records.ts';

const credential = (name: string, hash = `hash of ${name}`): PullCredential => ({ auth: { username: name }, secret: { namespace: 'default', name, uid: `uid-${name}` }, hash });

test('what was pulled with credentials is only for who has them; what was pulled with none, or never, is for all', () => {
  const secret = afterPull(undefined, 'sha256:1', 'r.io/x', credential('a'));
  assert.equal(accessTo(undefined, 'r.io/x', []), 'granted');
  assert.equal(accessTo(secret, 'r.io/x', []), 'pull-to-see');
  assert.equal(accessTo(secret, 'r.io/x', [credential('b')]), 'pull-to-see');
  assert.equal(accessTo(secret, 'r.io/x', [credential('b'), credential('a')]), 'granted');
  assert.equal(accessTo(secret, 'r.io/x', [credential('copy', 'hash of a')]), 'granted', 'the same credentials in another secret');
  assert.equal(accessTo(secret, 'r.io/x', [credential('a', 'changed')]), 'pull-to-see', 'a secret that was changed since');
  assert.equal(accessTo(secret, 'r.io/another-name', [credential('a')]), 'pull-to-see');
  const open = afterPull(secret, 'sha256:1', 'r.io/x', undefined);
  assert.equal(accessTo(open, 'r.io/x', []), 'granted');
});

test('an image\'s repository is its name without tag and digest', () => {
  assert.equal(repositoryOf('busybox'), 'docker.io/library/busybox');
  assert.equal(repositoryOf('127.0.0.1:5000/a/b:1'), '127.0.0.1:5000/a/b');
  assert.equal(repositoryOf(`r.io/x:1@sha256:${'a'.repeat(64)}`), 'r.io/x');
});

test('records outlive a restart; a pull that a crash cut leaves its image to nobody until it is pulled again', () => {
  const directory = mkdtempSync(join(tmpdir(), 'peapod-records-'));
  try {
    const first = new PullRecords(directory);
    first.begin('r.io/x:1');
    first.pulled('r.io/x:1', 'sha256:1', credential('a'));
    first.begin('r.io/y:1');
    first.failed('r.io/y:1');
    first.begin('r.io/z:1');
    const second = new PullRecords(directory);
    assert.equal(accessTo(second.of('sha256:1', 'r.io/x:1'), 'r.io/x', [credential('a')]), 'granted');
    assert.equal(accessTo(second.of('sha256:1', 'r.io/x:1'), 'r.io/x', []), 'pull-to-see');
    assert.equal(second.of('sha256:2', 'r.io/y:1'), undefined);
    assert.equal(accessTo(second.of('sha256:3', 'r.io/z:1'), 'r.io/z', []), 'pull-to-see');
    for (const file of readdirSync(directory)) assert.equal(statSync(join(directory, file)).mode & 0o777, 0o600);
    second.forget(second.imageIds());
    assert.equal(new PullRecords(directory).of('sha256:1', 'r.io/x:1'), undefined);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
