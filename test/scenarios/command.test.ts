// The command, as a newcomer types it: up, status, kubectl, image, down; two clusters side by side; clear refusals.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, before, describe, test } from 'node:test';
import { runProgram } from '../support/real-cluster.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const peapod = (...args: string[]) => runProgram(join(root, 'peapod'), args, {});
const example = (name: string) => join(root, 'examples', name);

describe('the command', () => {
  let folder: string;
  const dir = (name: string) => join(folder, name);
  const ok = async (...args: string[]) => {
    const ran = await peapod(...args);
    assert.equal(ran.code, 0, `peapod ${args.join(' ')}: ${ran.stderr}`);
    return ran;
  };
  before(async () => {
    folder = mkdtempSync(join(process.env['PEAPOD_TEST_DIR'] ?? tmpdir(), 'peapod-'));
    mkdirSync(dir('a'), { recursive: true });
    await Promise.all([ok('up', '--data-dir', dir('a'), '--detach', '--kubeconfig', relative('', join(folder, 'a.kubeconfig'))), ok('up', '--data-dir', dir('b'), '--port', '0', '--detach')]);
  });
  after(async () => {
    await Promise.all(['a', 'b'].map((name) => ok('down', '--data-dir', dir(name), '--purge')));
    assert.ok(!existsSync(dir('a')));
    rmSync(folder, { recursive: true, force: true });
  });

  test('status tells a program where everything is', async () => {
    const status = JSON.parse((await ok('status', '--data-dir', dir('a'), '-o', 'json')).stdout);
    assert.equal(status.running, true);
    assert.match(status.apiServer, /^https:\/\/127\.0\.0\.1:\d+$/);
    assert.equal(status.kubeconfig, join(folder, 'a.kubeconfig'));
    assert.match(status.runtimeEndpoint, /^unix:\/\//);
    assert.equal(status.dataDir, dir('a'));
    assert.equal(status.nodes.length, 1);
    assert.equal(status.nodes[0].ready, true);
    assert.ok(status.versions.peapod && status.versions.kubernetes);
    assert.equal(statSync(join(folder, 'a.kubeconfig')).mode & 0o777, 0o600);
    assert.equal((await ok('kubeconfig', '--data-dir', dir('a'))).stdout, readFileSync(join(folder, 'a.kubeconfig'), 'utf8'));
  });

  test('two clusters live side by side and do not meet', async () => {
    for (const name of ['a', 'b']) {
      await ok('kubectl', '--data-dir', dir(name), 'apply', '-f', example('one-container.yaml'));
      await ok('kubectl', '--data-dir', dir(name), 'wait', '--for=condition=Ready', 'pod/hello', '--timeout=60s');
    }
    const ips = await Promise.all(['a', 'b'].map(async (name) => (await ok('kubectl', '--data-dir', dir(name), 'get', 'pod', 'hello', '-o', 'jsonpath={.status.podIP}')).stdout));
    assert.notEqual(ips[0], ips[1]);
    for (const ip of ips) assert.equal(await (await fetch(`http://${ip}:8080/`)).text(), 'Hello from hello\n');
    await ok('kubectl', '--data-dir', dir('a'), 'delete', 'pod', 'hello');
    assert.match((await ok('kubectl', '--data-dir', dir('b'), 'get', 'pod', 'hello')).stdout, /Running/);
  });

  test('a runtime that runs already is used, and only what is ours is taken from it', async () => {
    const { runtimeEndpoint } = JSON.parse((await ok('status', '--data-dir', dir('a'), '-o', 'json')).stdout);
    const { stderr: told } = await ok('up', '--data-dir', dir('guest'), '--port', '0', '--detach', '--runtime-endpoint', runtimeEndpoint);
    for (const line of [`./peapod kubectl --data-dir ${dir('guest')} get nodes`, `./peapod down --data-dir ${dir('guest')}`]) assert.ok(told.includes(line), 'what is told can be copied');
    for (const name of ['a', 'guest']) {
      await ok('kubectl', '--data-dir', dir(name), 'apply', '-f', example('one-container.yaml'));
      await ok('kubectl', '--data-dir', dir(name), 'wait', '--for=condition=Ready', 'pod/hello', '--timeout=60s');
    }
    await ok('down', '--data-dir', dir('guest'), '--purge');
    const hello = JSON.parse((await ok('kubectl', '--data-dir', dir('a'), 'get', 'pod', 'hello', '-o', 'json')).stdout);
    assert.equal(await (await fetch(`http://${hello.status.podIP}:8080/`)).text(), 'Hello from hello\n');
    assert.equal(hello.status.containerStatuses[0].restartCount, 0);
    await ok('kubectl', '--data-dir', dir('a'), 'delete', 'pod', 'hello');
  });

  test('images: listed, and loaded from an archive', async () => {
    const { stdout } = await ok('image', 'ls', '--data-dir', dir('a'));
    assert.match(stdout, /localhost\/busybox/);
    const missing = await peapod('image', 'load', '--data-dir', dir('a'), '/no/such/file.tar');
    assert.notEqual(missing.code, 0);
    assert.match(missing.stderr, /no such file|does not exist|cannot be read/i);
  });

  test('refusals are one line with a remedy', async () => {
    const second = await peapod('up', '--data-dir', dir('a'));
    assert.equal(second.code, 1);
    assert.match(second.stderr, /a cluster already runs on .*\n +.*→/);
    const nothing = await peapod('kubectl', '--data-dir', dir('nothing'), 'get', 'pods');
    assert.match(nothing.stderr, /there is no cluster in/);
    assert.equal((await peapod('status', '--data-dir', dir('nothing'))).code, 1);
    assert.match((await peapod('upp')).stderr, /unknown command 'upp'/);
    await using busy = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => busy.once('listening', resolve));
    const { port } = busy.address() as { port: number };
    const taken = await peapod('up', '--data-dir', dir('c'), '--port', String(port));
    assert.equal(taken.code, 1);
    assert.match(taken.stderr, new RegExp(`port ${port} .*in use`));
    await ok('down', '--data-dir', dir('c'), '--purge');
  });

  test('every command has help, and doctor finds nothing wrong here', async () => {
    for (const name of ['up', 'down', 'status', 'kubeconfig', 'image', 'doctor']) assert.match((await ok(name, '--help')).stdout, /Usage: peapod/);
    assert.match((await ok('doctor')).stdout, /containerd/);
  });
});
