// Images from a registry: Debian's docker-registry on loopback, filled by a few HTTP calls.
import assert from 'node:assert/strict';
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { secrets } from '../../src/api/kinds/secret.ts';
import type { New, Pod, Secret } from '../../src/api/types.ts';
import { systemClock as clock } from '../../src/base/clock.ts';
import { cannotRun } from '../../src/runtime/testing/test-containerd.ts';
import { busybox, isReady, startNode, type NodeHarness } from './node-harness.ts';

const binary = '/usr/bin/docker-registry';
const skip = cannotRun || (existsSync(binary) ? false : 'needs Debian\'s docker-registry');
const never = new AbortController().signal;
const user = { name: 'pea', password: 'pod' };
/** htpasswd's bcrypt of that password: the registry takes no other kind. */
const passwordLine = 'pea:$2y$05$abcdefghijklmnopqrstuufN6SOiFnKd770mSASI7aGmRLPLQxnAW\n';

describe('images from a registry', { skip, concurrency: true, timeout: 120_000 }, () => {
  let node: NodeHarness;
  let open: Registry;
  let guarded: Registry;
  before(async () => {
    [node, open, guarded] = await Promise.all([startNode(), startRegistry(), startRegistry(passwordLine)]);
  });
  after(async () => {
    await node.end();
    await Promise.all([open.end(), guarded.end()]);
  });

  const waiting = (pod: Pod | undefined) => pod?.status.containerStatuses?.[0]?.state?.waiting;
  const stays = 'trap "exit 0" TERM; sleep 1000 & wait';
  const container = (image: string) => busybox('web', stays, { image });

  test('ErrImagePull, ImagePullBackOff, and success once it is there', async () => {
    const image = `${open.host}/late:1`;
    await node.create('late', { containers: [container(image)] });
    const { pod: failed } = await node.until('late', 'ErrImagePull', (pod) => waiting(pod)?.reason === 'ErrImagePull');
    assert.match(waiting(failed)?.message ?? '', /late:1.*not found/);
    const { pod: held } = await node.until('late', 'ImagePullBackOff', (pod) => waiting(pod)?.reason === 'ImagePullBackOff');
    assert.match(waiting(held)?.message ?? '', /^Back-off pulling image/);
    await open.push('late', '1');
    const { pod } = await node.until('late', 'Ready', isReady, 25_000);
    assert.match(pod.status.containerStatuses![0]!.imageID, /late@sha256:[0-9a-f]{64}$/);
    const story = (await node.story('late')).map((line) => line.split(' ')[0]);
    for (const reason of ['Pulling', 'Failed', 'BackOff', 'Pulled', 'Created', 'Started']) assert.ok(story.includes(reason), `${reason} in ${story.join(' ')}`);
  });

  test('a pull secret opens a registry that asks for a password; without it the pull fails', async () => {
    await guarded.push('private', '1');
    const image = `${guarded.host}/private:1`;
    const auths = { [guarded.host]: { auth: Buffer.from(`${user.name}:${user.password}`).toString('base64') } };
    const data = { '.dockerconfigjson': Buffer.from(JSON.stringify({ auths })).toString('base64') };
    await node.client.create(secrets, { metadata: { name: 'login', namespace: 'default' }, type: 'kubernetes.io/dockerconfigjson', data } as New<Secret>, never);
    await node.create('shut-out', { containers: [container(image)] });
    const { pod } = await node.until('shut-out', 'ErrImagePull', (one) => waiting(one)?.reason === 'ErrImagePull');
    assert.match(waiting(pod)?.message ?? '', /401|no basic auth|authorization/i);
    await node.create('let-in', { imagePullSecrets: [{ name: 'login' }], containers: [container(image)] });
    await node.until('let-in', 'Ready', isReady);
  });

  test('two pulls at once', async () => {
    await Promise.all(['one', 'two'].map((name) => open.push(name, '1')));
    await Promise.all(['one', 'two'].map((name) => node.create(name, { containers: [container(`${open.host}/${name}:1`)] })));
    await Promise.all(['one', 'two'].map((name) => node.until(name, 'Ready', isReady)));
    // And of one image by two Pods.
    await open.push('shared', '1');
    await Promise.all(['three', 'four'].map((name) => node.create(name, { containers: [container(`${open.host}/shared:1`)] })));
    await Promise.all(['three', 'four'].map((name) => node.until(name, 'Ready', isReady)));
  });
});

interface Registry {
  readonly host: string;
  /** busybox as a shell, in one layer that no other image has. */
  push(name: string, tag: string): Promise<void>;
  end(): Promise<void>;
}

async function startRegistry(htpasswd?: string): Promise<Registry> {
  const directory = mkdtempSync(join(tmpdir(), 'peapod-registry-'));
  const port = await freePort();
  const host = `127.0.0.1:${port}`;
  const auth = htpasswd ? `auth:\n  htpasswd:\n    realm: test\n    path: ${join(directory, 'htpasswd')}\n` : '';
  if (htpasswd) writeFileSync(join(directory, 'htpasswd'), htpasswd);
  writeFileSync(join(directory, 'config.yml'), `version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: ${directory}/data\nhttp:\n  addr: ${host}\n${auth}`);
  const child: ChildProcess = spawn(binary, ['serve', join(directory, 'config.yml')], { stdio: 'ignore' });
  const authorization = `Basic ${Buffer.from(`${user.name}:${user.password}`).toString('base64')}`;
  const ask = (method: string, path: string, body?: Buffer, type = 'application/octet-stream') =>
    fetch(path.startsWith('http') ? path : `http://${host}${path}`, { method, headers: { 'content-type': type, ...(htpasswd ? { authorization } : {}) }, ...(body ? { body: new Uint8Array(body) } : {}) });
  for (const untilMs = clock.monotonicMs() + 10_000; !(await ask('GET', '/v2/').catch(() => undefined))?.ok; await clock.sleep(20, never)) {
    assert.ok(clock.monotonicMs() < untilMs, 'the registry answers');
  }

  async function blob(name: string, content: Buffer): Promise<{ digest: string; size: number }> {
    const digest = `sha256:${createHash('sha256').update(content).digest('hex')}`;
    const begun = await ask('POST', `/v2/${name}/blobs/uploads/`);
    const location = begun.headers.get('location')!;
    const done = await ask('PUT', `${location}${location.includes('?') ? '&' : '?'}digest=${encodeURIComponent(digest)}`, content);
    assert.equal(done.status, 201, await done.text());
    return { digest, size: content.length };
  }

  return {
    host,
    async push(name, tag) {
      const root = mkdtempSync(join(directory, 'root-'));
      execFileSync('sh', ['-c', `mkdir bin && cp /usr/bin/busybox bin/ && for name in sh sleep; do ln bin/busybox bin/$name; done && echo ${name} > mark`], { cwd: root });
      const content = execFileSync('tar', ['-C', root, '-cf', '-', '.'], { maxBuffer: 64 * 1024 * 1024 });
      const layer = await blob(name, content);
      const architecture = process.arch === 'x64' ? 'amd64' : process.arch;
      const config = await blob(name, Buffer.from(JSON.stringify({ architecture, os: 'linux', config: {}, rootfs: { type: 'layers', diff_ids: [layer.digest] } })));
      const mediaType = 'application/vnd.oci.image.manifest.v1+json';
      const manifest = {
        schemaVersion: 2, mediaType,
        config: { mediaType: 'application/vnd.oci.image.config.v1+json', ...config },
        layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar', ...layer }],
      };
      const put = await ask('PUT', `/v2/${name}/manifests/${tag}`, Buffer.from(JSON.stringify(manifest)), mediaType);
      assert.equal(put.status, 201, await put.text());
    },
    async end() {
      child.kill();
      await once(child, 'exit');
      rmSync(directory, { recursive: true });
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
