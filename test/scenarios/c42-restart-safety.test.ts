// C33 and C42: Peapod killed with SIGKILL and started again, through the command as a user has it.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, before, describe, test } from 'node:test';
import type { Pod } from '../../src/api/types.ts';
import { eventually, mainProcess, runKubectl, runProgram } from '../support/real-cluster.ts';
import { pod, stubborn, waits } from '../support/manifests.ts';

const peapod = fileURLToPath(new URL('../../peapod', import.meta.url));

describe('C33, C42 killed and started again', () => {
  let dataDir: string;
  const up = () => run('up', '--data-dir', dataDir, '--port', '0', '--detach');
  const run = async (...args: string[]) => {
    const ran = await runProgram(peapod, args, {});
    assert.equal(ran.code, 0, ran.stderr);
    return ran.stdout;
  };
  const instance = () => JSON.parse(readFileSync(join(dataDir, 'instance.json'), 'utf8')) as { pid: number; kubeconfig: string };
  const kubectl = async (args: string[], input?: string) => runKubectl(instance().kubeconfig, '1.36', args, input);
  const getPod = async (name: string) => JSON.parse((await kubectl(['get', 'pod', name, '-o', 'json'])).stdout || 'null') as Pod | null;
  const kill = async () => {
    const { pid } = instance();
    process.kill(pid, 'SIGKILL');
    await eventually('Peapod to be dead', () => !existsSync(`/proc/${pid}`));
  };
  const create = async (manifest: object, name: string) => {
    const made = await kubectl(['create', '-f', '-'], JSON.stringify(manifest));
    assert.equal(made.code, 0, made.stderr);
    const ready = await kubectl(['wait', '--for=condition=Ready', `pod/${name}`, '--timeout=60s']);
    assert.equal(ready.code, 0, ready.stderr);
    return (await getPod(name))!;
  };

  before(async () => {
    dataDir = mkdtempSync(join(process.env['PEAPOD_TEST_DIR'] ?? tmpdir(), 'peapod-'));
    await up();
  });
  after(async () => {
    await run('down', '--data-dir', dataDir, '--purge');
    rmSync(dataDir, { recursive: true, force: true });
  });

  test('C42 running containers go on untouched, and nothing acknowledged is lost', async () => {
    const before = await create(pod('lasting', [{ command: waits }]), 'lasting');
    const main = mainProcess(dataDir, before, 'c0');
    const names = Array.from({ length: 40 }, (_, n) => `written-${n}`);
    const writes = Promise.all(names.map((name) => kubectl(['create', 'configmap', name, '--from-literal=k=v'])));
    await eventually('some writes', async () => (await kubectl(['get', 'configmaps', '-o', 'name'])).stdout.includes('written'));
    await kill();
    const acknowledged = (await writes).flatMap((ran, n) => (ran.code === 0 ? [names[n]!] : []));
    assert.ok(existsSync(`/proc/${main}`), 'the container died with Peapod');
    await up();
    const kept = (await kubectl(['get', 'configmaps', '-o', 'name'])).stdout;
    for (const name of acknowledged) assert.match(kept, new RegExp(`configmap/${name}\\b`));
    await eventually('the Pod to be Ready', async () => (await getPod('lasting'))!.status.conditions!.some((condition) => condition.type === 'Ready' && condition.status === 'True'));
    const found = (await getPod('lasting'))!;
    assert.equal(mainProcess(dataDir, found, 'c0'), main);
    assert.equal(found.status.containerStatuses![0]!.restartCount, 0);
    assert.equal(found.status.podIP, before.status.podIP);
  });

  test('C33 a Pod that was ending when Peapod was killed ends after its restart', async () => {
    const ending = await create(pod('ending', [{ command: stubborn }], { terminationGracePeriodSeconds: 4 }), 'ending');
    const main = mainProcess(dataDir, ending, 'c0');
    await kubectl(['delete', 'pod', 'ending', '--wait=false']);
    await kill();
    await up();
    await eventually('the Pod to be gone', async () => (await getPod('ending')) === null);
    assert.ok(!existsSync(`/proc/${main}`));
  });

  test('C42 a Pod deleted by force while Peapod is killed leaves no process', async () => {
    const gone = await create(pod('forced', [{ command: stubborn }], { terminationGracePeriodSeconds: 300 }), 'forced');
    const main = mainProcess(dataDir, gone, 'c0');
    await kubectl(['delete', 'pod', 'forced', '--force', '--grace-period=0']);
    await kill();
    await up();
    await eventually('its process to end', () => !existsSync(`/proc/${main}`));
  });

  test('a clean stop leaves containers running, and the next start finds them', async () => {
    const before = (await getPod('lasting'))!;
    const main = mainProcess(dataDir, before, 'c0');
    const { pid } = instance();
    process.kill(pid, 'SIGTERM');
    await eventually('Peapod to stop', () => !existsSync(`/proc/${pid}`));
    assert.ok(existsSync(`/proc/${main}`));
    await up();
    await eventually('the Pod to be found', async () => (await getPod('lasting'))?.status.containerStatuses?.[0]?.ready === true);
    assert.equal(mainProcess(dataDir, (await getPod('lasting'))!, 'c0'), main);
    const second = await runProgram(peapod, ['up', '--data-dir', dataDir], {});
    assert.notEqual(second.code, 0);
    assert.match(second.stderr, /already runs/);
  });
});
