import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isImageId, normalizeImageName, parseImageName } from './image-name.ts';
import { RuntimeError } from './runtime.ts';

const digest = 'sha256:' + 'ab'.repeat(32);

test('short names are filled in as containerd does', () => {
  const names: Record<string, string> = {
    busybox: 'docker.io/library/busybox:latest',
    'busybox:1.36': 'docker.io/library/busybox:1.36',
    'bitnami/redis': 'docker.io/bitnami/redis:latest',
    'localhost/busybox': 'localhost/busybox:latest',
    'localhost:5000/a/b:c': 'localhost:5000/a/b:c',
    'registry.k8s.io/pause:3.9': 'registry.k8s.io/pause:3.9',
    'index.docker.io/nginx': 'docker.io/library/nginx:latest',
    'docker.io/nginx': 'docker.io/library/nginx:latest',
    [`nginx@${digest}`]: `docker.io/library/nginx@${digest}`,
    [`nginx:1@${digest}`]: `docker.io/library/nginx@${digest}`,
    'a__b/c-d.e': 'docker.io/a__b/c-d.e:latest',
    '[::1]:5000/x': '[::1]:5000/x:latest',
    'MyHost/x': 'MyHost/x:latest',
  };
  for (const [given, full] of Object.entries(names)) assert.equal(normalizeImageName(given), full);
});

test('what is no name is refused in the words of the kubelet', () => {
  for (const bad of ['', ' ', 'a b', ':tag', 'a:', 'a:-x', 'a//b', '/a', 'a/', 'http://a/b', `a@${digest}@${digest}`, 'a@sha256:abc', `a@sha256:${'AB'.repeat(32)}`, 'a:' + 'x'.repeat(129), '-a/b.', 'a..b']) {
    assert.throws(() => parseImageName(bad), (error) => error instanceof RuntimeError && error.code === 'invalid-image' && error.message.endsWith('invalid reference format'), bad);
  }
  assert.throws(() => parseImageName('library/Nginx'), /couldn't parse image name "library\/Nginx": invalid reference format: repository name \(library\/Nginx\) must be lowercase/);
  assert.throws(() => parseImageName('ab'.repeat(32)), /cannot specify 64-byte hexadecimal strings/);
});

test('an id is told from a name', () => {
  assert.ok(isImageId(digest));
  assert.ok(!isImageId('busybox'));
});
