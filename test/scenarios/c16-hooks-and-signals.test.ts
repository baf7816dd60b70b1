// C16 hooks over HTTP and by sleeping, and C23, C27 the signal that a container is stopped with: its own, its image's, SIGTERM.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ociArchive } from '../../src/runtime/containerd/images/oci-archive.ts';
import { pod } from '../support/manifests.ts';
import { eventually, onDocker, runProgram, startRealCluster, type RealCluster } from '../support/real-cluster.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

describe('C16 hooks and stop signals', () => {
  let house: RealCluster;
  let notes: string;
  const noted = (name: string) => (existsSync(join(notes, name)) ? readFileSync(join(notes, name), 'utf8').trim().split('\n') : []);
  const volumes = () => [{ name: 'notes', hostPath: { path: notes } }];
  const volumeMounts = [{ name: 'notes', mountPath: '/notes' }];
  /** Writes down each signal that it gets, and ends on any. */
  const notesSignals = (name: string) => ({ command: ['sh', '-c', `for s in TERM USR1 USR2 INT; do trap "echo $s >> /notes/${name}; exit 0" $s; done; touch /notes/${name}.listens; while true; do sleep 0.2; done`], volumeMounts });

  before(async () => {
    house = await startRealCluster();
    notes = mkdtempSync(join(tmpdir(), 'peapod-notes-'));
    const link = (name: string) => ({ type: 'symlink', path: `bin/${name}`, target: 'busybox' }) as const;
    const { bytes } = ociArchive([{
      names: ['localhost/usr2:1'], stopSignal: 'SIGUSR2', env: ['PATH=/bin'],
      files: [{ type: 'directory', path: 'bin', mode: 0o755 }, { type: 'file', path: 'bin/busybox', mode: 0o755, content: readFileSync('/usr/bin/busybox') }, link('sh'), link('sleep'), link('touch')],
    }]);
    writeFileSync(join(notes, 'usr2.tar'), bytes);
    const loaded = await runProgram(join(root, 'peapod'), ['image', 'load', '--data-dir', house.dataDir, join(notes, 'usr2.tar')], {});
    assert.equal(loaded.code, 0, loaded.stderr);
    // Answers with 500, after it has written down who asked for what.
    const answers = `mkdir -p /w/cgi-bin; printf '#!/bin/sh\\necho "$REQUEST_METHOD $QUERY_STRING $HTTP_USER_AGENT $HTTP_X_OWN" >> /notes/asked\\nprintf "Status: 500 no\\r\\n\\r\\n"' > /w/cgi-bin/hook; chmod +x /w/cgi-bin/hook; trap "echo TERM >> /notes/asked; exit 0" TERM; httpd -f -p 8080 -h /w & while true; do sleep 0.2; done`;
    const httpGet = (query: string) => ({ httpGet: { path: `/cgi-bin/hook?${query}`, port: 'web', httpHeaders: [{ name: 'X-Own', value: 'mine' }] } });
    const items = [
      pod('asked', [{ command: ['sh', '-c', answers], ports: [{ name: 'web', containerPort: 8080 }], volumeMounts, readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 }, lifecycle: { preStop: httpGet('before') } } as never], { volumes: volumes() }),
      pod('sleeps', [{ ...notesSignals('sleeps'), lifecycle: { preStop: { sleep: { seconds: 2 } }, postStart: { sleep: { seconds: 1 } } } } as never], { volumes: volumes() }),
      pod('own', [{ ...notesSignals('own'), lifecycle: { stopSignal: 'SIGUSR1' } } as never], { volumes: volumes(), os: { name: 'linux' } }),
      pod('own-deaf', [{ command: ['sh', '-c', 'trap "echo TERM >> /notes/own-deaf; exit 0" TERM; trap "echo USR1 >> /notes/own-deaf" USR1; touch /notes/own-deaf.listens; while true; do sleep 0.2; done'], volumeMounts, lifecycle: { stopSignal: 'SIGUSR1' } } as never], { volumes: volumes(), os: { name: 'linux' }, terminationGracePeriodSeconds: 2 }),
      pod('images', [{ ...notesSignals('images'), image: 'localhost/usr2:1' }], { volumes: volumes() }),
      pod('usual', [notesSignals('usual')], { volumes: volumes() }),
    ];
    const made = await house.tryKubectl(['create', '-f', '-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }) });
    assert.equal(made.code, 0, made.stderr);
    for (const { metadata } of items) await house.untilReady(metadata.name);
    for (const name of ['sleeps', 'own', 'own-deaf', 'images', 'usual']) await eventually(`${name} to listen for signals`, () => existsSync(join(notes, `${name}.listens`)));
    if (!onDocker) assert.equal((await house.pod('own')).status.containerStatuses![0]!.stopSignal, 'SIGUSR1');
    await house.kubectl('delete', 'pods', '--all');
  });
  after(async () => {
    await house?.[Symbol.asyncDispose]();
    rmSync(notes, { recursive: true, force: true });
  });

  test('C16 a hook over HTTP says who it is, may name a port, and takes any answer; then comes the signal', async () => {
    assert.deepEqual(noted('asked'), ['GET before kube-lifecycle/1.36 mine', 'TERM']);
    const { items } = JSON.parse(await house.kubectl('get', 'events', '--field-selector', 'reason=FailedPreStopHook', '-o', 'json'));
    assert.deepEqual(items, []);
  });

  test('C16 a hook may sleep; the signal follows', () => {
    assert.deepEqual(noted('sleeps'), ['TERM']);
  });

  test('C27 SIGTERM, unless the image or the Pod says otherwise; SIGKILL when the grace is over', { skip: onDocker }, () => {
    assert.deepEqual([noted('usual'), noted('images'), noted('own'), noted('own-deaf')], [['TERM'], ['USR2'], ['USR1'], ['USR1']]);
  });
});
