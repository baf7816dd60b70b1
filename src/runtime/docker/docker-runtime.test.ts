import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { runtimeContract } from '../testing/contract.ts';
import { eventually, type World } from '../testing/contract-pods.ts';
import { containerSpec, sandboxSpec } from '../testing/specs.ts';
import { cannotRunDocker, startTestDocker, type TestDocker } from '../testing/test-docker.ts';

describe('Docker Engine', { skip: cannotRunDocker }, () => {
  let machine: TestDocker;
  before(async () => (machine = await startTestDocker()));
  after(() => machine.end());
  const world = (): World => ({ runtime: machine.runtime, afresh: machine.connect, image: 'localhost/busybox', logs: machine.logs, cgroupParent: machine.cgroupParent, ownUtsNamespaces: true, mayMissOom: true });
  runtimeContract('keeps the contract', world);

  it('takes a log up again where it was left, also when it was rotated meanwhile: no line lost, none twice', async () => {
    const signal = AbortSignal.timeout(280_000);
    const identity = { namespace: 'default', name: 'resumes', uid: 'uid-resumes' };
    const logs = join(machine.logs, 'resumes');
    mkdirSync(logs);
    const lines = () => readdirSync(logs).sort((a, b) => (a === 'main.log' ? 1 : b === 'main.log' ? -1 : a.localeCompare(b)))
      .flatMap((file) => readFileSync(join(logs, file), 'utf8').split('\n').slice(0, -1)).map((line) => line.split(' ').slice(3).join(' '));
    const first = await machine.connect({ writesLogs: true });
    const image = (await first.imageStatus('localhost/busybox', signal))!;
    const sandbox = await first.startSandbox(sandboxSpec(identity, { logDirectory: logs, cgroupParent: machine.cgroupParent }), signal);
    const script = 'n=0; while [ $n -lt 300 ]; do n=$((n+1)); echo line $n; sleep 0.01; done; echo torn >&2; sleep 1000';
    const id = await first.createContainer(sandbox, containerSpec(identity, 'main', { imageId: image.id, image: 'localhost/busybox', command: ['sh', '-c', script] }), signal);
    await first.startContainer(id, signal);
    const written = (count: number) => eventually(() => lines().length >= count);
    await written(20);
    await first.close();
    const second = await machine.connect({ writesLogs: true });
    await second.observe(identity.uid, signal);
    await written(lines().length + 20);
    renameSync(join(logs, 'main.log'), join(logs, 'main.log.20260101-000000'));
    await second.reopenLog(id, signal);
    await written(lines().length + 10);
    await second.close();
    renameSync(join(logs, 'main.log'), join(logs, 'main.log.20260101-000001'));
    const third = await machine.connect({ writesLogs: true });
    try {
      await third.observe(identity.uid, signal);
      await eventually(() => lines().includes('torn'));
      assert.deepEqual(lines().filter((line) => line !== 'torn'), Array.from({ length: 300 }, (_, n) => `line ${n + 1}`));
    } finally {
      await third.stopSandbox(sandbox, signal);
      await third.removeSandbox(sandbox, signal);
      await third.close();
    }
  });
});
