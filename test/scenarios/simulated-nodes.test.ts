// `peapod up --no-node --simulated-nodes N` with a stock kubectl: no root's work, no containers, and Pods all the same.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, before, describe, test } from 'node:test';
import { runProgram } from '../support/real-cluster.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

describe('simulated nodes', () => {
  let folder: string;
  const peapod = (...args: string[]) => runProgram(join(root, 'peapod'), args, {});
  const ok = async (...args: string[]) => {
    const ran = await peapod(...args);
    assert.equal(ran.code, 0, `peapod ${args.join(' ')}: ${ran.stderr}`);
    return ran.stdout;
  };
  const kubectl = (...args: string[]) => ok('kubectl', '--data-dir', folder, ...args);
  before(async () => {
    folder = mkdtempSync(join(process.env['PEAPOD_TEST_DIR'] ?? tmpdir(), 'peapod-'));
    await ok('up', '--data-dir', folder, '--port', '0', '--no-node', '--simulated-nodes', '3', '--detach');
  });
  after(async () => {
    await ok('down', '--data-dir', folder, '--purge');
    rmSync(folder, { recursive: true, force: true });
  });

  test('are nodes to kubectl, and there is no other', async () => {
    const lines = (await kubectl('get', 'nodes', '--no-headers', '-o', 'wide')).trim().split('\n');
    assert.deepEqual(lines.map((line) => line.split(/ +/).slice(0, 2)), [['simulated-0', 'Ready'], ['simulated-1', 'Ready'], ['simulated-2', 'Ready']]);
    assert.match(lines[0]!, /simulated:\/\/1\.0\.0/);
    assert.match(await ok('status', '--data-dir', folder), /simulated-2 Ready/);
  });

  test('run a Deployment, and answer logs, exec and its end', async () => {
    const file = join(folder, 'web.yaml');
    writeFileSync(file, JSON.stringify({
      apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' },
      spec: { replicas: 5, selector: { matchLabels: { app: 'web' } }, template: { metadata: { labels: { app: 'web' }, annotations: { 'simulated.peapod.dev/main': 'log=hello,end-after=100ms' } }, spec: { containers: [{ name: 'main', image: 'web:1', readinessProbe: { httpGet: { port: 80 } } }] } } },
    }));
    await kubectl('apply', '-f', file);
    await kubectl('rollout', 'status', 'deployment/web', '--timeout=60s');
    assert.equal(await kubectl('logs', 'deployment/web'), 'hello\n');
    const names = (await kubectl('get', 'pods', '-o', 'jsonpath={.items[*].metadata.name}')).trim().split(' ');
    const [from, host] = (await kubectl('exec', 'deployment/web', '--', 'sh', '-c', 'echo from; hostname')).split('\n');
    // kubectl takes the one that has been ready for longest, by the second.
    assert.ok(from === 'from' && names.includes(host!), `${from} ${host} of ${names.join()}`);
    const failed = await peapod('kubectl', '--data-dir', folder, 'exec', 'deployment/web', '--', 'sh', '-c', 'exit 7');
    assert.equal(failed.code, 7);
    await kubectl('delete', 'deployment', 'web', '--cascade=foreground', '--timeout=60s');
    assert.equal(await kubectl('get', 'pods'), '');
  });

  test('a script that makes no sense is refused', async () => {
    const ran = await peapod('kubectl', '--data-dir', folder, 'run', 'bad', '--image=a', '--annotations=simulated.peapod.dev/bad=run=soon');
    assert.match(ran.stderr, /metadata\.annotations\[simulated\.peapod\.dev\/bad\]\.run: Invalid value: "soon"/);
  });

  test('numbers that make no sense are refused', async () => {
    assert.match((await peapod('up', '--simulated-nodes', 'many')).stderr, /simulated-nodes.*A number of nodes/);
    assert.match((await peapod('up', '--data-dir', join(folder, 'x'), '--no-node', '--simulated-nodes', '40000')).stderr, /40000 is no number of simulated nodes/);
  });
});
