// C8, C20 the life of volumes over a SIGKILL of Peapod, and over its end: what is in use goes on, what is not is cleared.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, before, describe, test } from 'node:test';
import type { Pod, PodSpec } from '../../src/api/types.ts';
import { eventually, runKubectl, runProgram } from '../support/real-cluster.ts';
import { pod } from '../support/manifests.ts';

const peapod = fileURLToPath(new URL('../../peapod', import.meta.url));

describe('C8 volumes over a SIGKILL', () => {
  let dataDir: string;
  const run = async (...args: string[]) => {
    const ran = await runProgram(peapod, args, {});
    assert.equal(ran.code, 0, ran.stderr);
    return ran.stdout;
  };
  const up = () => run('up', '--data-dir', dataDir, '--port', '0', '--detach');
  const instance = () => JSON.parse(readFileSync(join(dataDir, 'instance.json'), 'utf8')) as { pid: number; kubeconfig: string };
  const kubectl = async (args: string[], input?: string) => {
    const ran = await runKubectl(instance().kubeconfig, '1.36', args, input);
    assert.equal(ran.code, 0, ran.stderr);
    return ran.stdout;
  };
  const kill = async () => {
    const { pid } = instance();
    process.kill(pid, 'SIGKILL');
    await eventually('Peapod to be dead', () => !existsSync(`/proc/${pid}`));
  };
  const untilReady = (name: string) => kubectl(['wait', '--for=condition=Ready', `pod/${name}`, '--timeout=60s']);
  const uidOf = async (name: string) => (JSON.parse(await kubectl(['get', 'pod', name, '-o', 'json'])) as Pod).metadata.uid;
  const shell = async (name: string, script: string) => (await kubectl(['exec', name, '--', 'sh', '-c', script])).trim();
  const mountsOf = (uid: string) => readFileSync('/proc/self/mountinfo', 'utf8').split('\n').filter((line) => line.includes(`${dataDir}/node/pods/${uid}/`));

  /** A volume of every kind that leaves a mount or a directory. */
  const keeper = (name: string) =>
    pod(name, [{
      command: ['sh', '-c', 'echo $HOSTNAME >> /claim/starts; trap "exit 0" TERM; sleep 3600 & wait $!'],
      volumeMounts: [{ name: 'claim', mountPath: '/claim' }, { name: 'memory', mountPath: '/memory' }, { name: 'disk', mountPath: '/disk' }, { name: 'disk', mountPath: '/part', subPath: 'part' }],
    }], { terminationGracePeriodSeconds: 1, volumes: [{ name: 'claim', persistentVolumeClaim: { claimName: name } }, { name: 'memory', emptyDir: { medium: 'Memory', sizeLimit: '4Mi' } }, { name: 'disk', emptyDir: {} }] } as Partial<PodSpec>);
  const claim = (name: string) => ({ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name, namespace: 'default' }, spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Mi' } } } });

  before(async () => {
    dataDir = mkdtempSync(join(process.env['PEAPOD_TEST_DIR'] ?? tmpdir(), 'peapod-'));
    await up();
    await kubectl(['create', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items: ['stays', 'goes'].flatMap((name) => [claim(name), keeper(name)]) }));
    await Promise.all(['stays', 'goes'].map(untilReady));
  });
  after(async () => {
    await run('down', '--data-dir', dataDir, '--purge');
    rmSync(dataDir, { recursive: true, force: true });
  });

  test('a Pod that runs keeps its volumes; of one that was removed meanwhile nothing is left', async () => {
    const [stays, goes] = [await uidOf('stays'), await uidOf('goes')];
    assert.equal(mountsOf(goes).length, 3);
    await shell('stays', 'for where in claim memory disk part; do echo mine > /$where/file; done; chmod 750 /disk');
    await shell('goes', 'echo kept > /claim/file');
    // The object goes at once, and the agent has no time to do much about it.
    await kubectl(['delete', 'pod', 'goes', '--grace-period=0', '--force', '--wait=false']);
    await kill();
    await up();
    await eventually('the removed Pod to be cleared', () => mountsOf(goes).length === 0 && !existsSync(join(dataDir, 'node', 'pods', goes)));
    assert.equal(await uidOf('stays'), stays);
    assert.equal(mountsOf(stays).length, 3);
    assert.equal(await shell('stays', 'cat /claim/file /memory/file /disk/file /part/file | tr "\\n" " "; stat -c %a /disk; cat /claim/starts'), 'mine mine mine mine 750\nstays');
    assert.equal((await kubectl(['get', 'pvc', '-o', 'jsonpath={.items[*].status.phase}'])).trim(), 'Bound Bound');
  });

  test('the next Pod of the claim finds its data', async () => {
    await kubectl(['create', '-f', '-'], JSON.stringify(keeper('goes')));
    await untilReady('goes');
    assert.equal(await shell('goes', 'cat /claim/file; ls /memory /disk /part | wc -w; cat /claim/starts'), 'kept\n4\ngoes\ngoes');
  });

  test('a claim that was deleted while Peapod was dead loses its directory after', async () => {
    const directories = () => readdirSync(join(dataDir, 'node', 'local-volumes'));
    assert.equal(directories().filter((name) => name.endsWith('_default_goes')).length, 1);
    await kubectl(['delete', 'pod', 'goes']);
    await kubectl(['delete', 'pvc', 'goes', '--wait=false']);
    await kill();
    await up();
    await eventually('its directory to go', async () => directories().every((name) => !name.endsWith('_default_goes')) && !(await kubectl(['get', 'pv'])).includes('default/goes'));
  });

  test('a Pod keeps a claim that was told to go: over a SIGKILL and a restart of its container', async () => {
    await kubectl(['create', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [claim('ending'), keeper('ending')] }));
    await untilReady('ending');
    await kubectl(['delete', 'pvc', 'ending', '--wait=false']);
    await kill();
    await up();
    // Later, when the command itself has ended: it would be killed with the container.
    await kubectl(['exec', 'ending', '--', 'sh', '-c', '(sleep 3; kill 1) >/dev/null 2>&1 &']);
    await kubectl(['wait', '--for=jsonpath={.status.containerStatuses[0].restartCount}=1', 'pod/ending', '--timeout=60s']);
    await untilReady('ending');
    assert.equal(await shell('ending', 'cat /claim/starts'), 'ending\nending');
    await kubectl(['delete', 'pod', 'ending']);
    await kubectl(['wait', '--for=delete', 'pvc/ending', '--timeout=60s']);
  });

  test('after down nothing is mounted, and the claims\' data is there at the next start', async () => {
    await run('down', '--data-dir', dataDir);
    assert.deepEqual(readFileSync('/proc/self/mountinfo', 'utf8').split('\n').filter((line) => line.includes(`${dataDir}/node`)), []);
    await up();
    await untilReady('stays');
    // It is shown as it was until its node has seen to it.
    await eventually('the second start', () => shell('stays', 'cat /claim/file /claim/starts').then((text) => text === 'mine\nstays\nstays', () => false));
  });
});
