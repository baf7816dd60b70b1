import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { silentLog } from '../../base/log.ts';
import { container, pod, uid } from '../testing/pods.ts';
import { createCgroups } from './cgroups.ts';
import { isKillOf } from './kernel-log.ts';

/** Directories that look like cgroup trees: files are written, not obeyed. */
function onTrees(files: Record<string, string>, run: (root: string, read: (path: string) => string | undefined) => void): void {
  const root = mkdtempSync(join(tmpdir(), 'peapod-cgroups-'));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(root, path, '..'), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  try {
    run(root, (path) => (existsSync(join(root, path)) ? readFileSync(join(root, path), 'utf8') : undefined));
  } finally {
    rmSync(root, { recursive: true });
  }
}

const limited = pod({ containers: [container('a', { resources: { limits: { cpu: '500m', memory: '64Mi' }, requests: { cpu: '250m' } } })] });

test('version 2: one tree, controllers handed down', () =>
  onTrees({ 'cgroup.controllers': 'cpu memory pids', 'cgroup.procs': '' }, (root, read) => {
    const path = createCgroups(root, '/peapod-1', silentLog).prepare(limited);
    assert.equal(path, `/peapod-1/burstable/pod${uid}`);
    assert.equal(read(`${path}/cpu.max`), '50000 100000');
    assert.equal(read(`${path}/memory.max`), String(64 * 2 ** 20));
    assert.equal(read(`${path}/cpu.weight`), '10');
    assert.equal(read('/peapod-1/burstable/cgroup.subtree_control'), '+cpu +memory +pids');
  }));

test('version 1 and hybrid: every controller has its tree', () =>
  onTrees({ 'cpu/cgroup.procs': '', 'memory/cgroup.procs': '', 'pids/cgroup.procs': '', 'unified/cgroup.procs': '', 'unified/cgroup.controllers': '' }, (root, read) => {
    const path = createCgroups(root, '/peapod-1', silentLog).prepare(limited);
    assert.equal(read(`cpu${path}/cpu.cfs_quota_us`), '50000');
    assert.equal(read(`cpu${path}/cpu.shares`), '256');
    assert.equal(read(`memory${path}/memory.limit_in_bytes`), String(64 * 2 ** 20));
    for (const tree of ['pids', 'unified']) assert.ok(existsSync(join(root, tree, path)), tree);
    assert.deepEqual(createCgroups(root, '/peapod-1', silentLog).podUids(), new Set([uid]));
  }));

test('Burstable Pods together have the CPU shares that they ask for, also of a new agent', () =>
  onTrees({ 'cpu/cgroup.procs': '' }, (root, read) => {
    const shares = () => read('cpu/peapod-1/burstable/cpu.shares');
    const another = pod({ containers: [container('a', { resources: { requests: { cpu: '1' } } })] }, { metadata: { uid: 'another' } });
    const cgroups = createCgroups(root, '/peapod-1', silentLog);
    cgroups.prepare(limited);
    cgroups.prepare(another);
    cgroups.prepare(another);
    assert.equal(shares(), '1280');
    const later = createCgroups(root, '/peapod-1', silentLog);
    later.prepare(pod({ containers: [container('a', { resources: { requests: { cpu: '2' } } })] }, { metadata: { uid: 'third' } }));
    assert.equal(shares(), String(1280 + 2048));
    later.remove('another');
    assert.equal(shares(), String(256 + 2048));
  }));

test('removed in every tree, whatever is below', () =>
  onTrees({ 'pids/cgroup.procs': '', 'memory/cgroup.procs': '' }, (root) => {
    const cgroups = createCgroups(root, '/peapod-1', silentLog);
    const path = cgroups.prepare(pod());
    mkdirSync(join(root, 'pids', path, 'child'));
    cgroups.remove(uid);
    cgroups.remove(uid);
    assert.deepEqual(cgroups.podUids(), new Set());
  }));

test('killed for want of memory: told by the container, by its Pod once the container is gone, and by the kernel', () => {
  onTrees({ 'memory/cgroup.procs': '' }, (root) => {
    const cgroups = createCgroups(root, '/peapod-1', silentLog);
    const path = join(root, 'memory', cgroups.prepare(pod()));
    mkdirSync(join(path, 'c1'));
    writeFileSync(join(path, 'c1', 'memory.oom_control'), 'oom_kill_disable 0\nunder_oom 0\noom_kill 0\n');
    assert.equal(cgroups.killedForMemory(uid, 'c1'), false);
    writeFileSync(join(path, 'c1', 'memory.oom_control'), 'oom_kill_disable 0\nunder_oom 0\noom_kill 1\n');
    assert.equal(cgroups.killedForMemory(uid, 'c1'), true);
    assert.equal(cgroups.killedForMemory('another', 'never-seen-anywhere'), false);
  });
  onTrees({ 'cgroup.controllers': 'memory', 'cgroup.procs': '' }, (root) => {
    const cgroups = createCgroups(root, '/peapod-1', silentLog);
    const path = join(root, cgroups.prepare(pod()));
    const events = (kills: number) => writeFileSync(join(path, 'memory.events'), `low 0\nhigh 0\nmax 9\noom 1\noom_kill ${kills}\noom_group_kill 0\n`);
    events(0);
    assert.equal(cgroups.killedForMemory(uid, 'gone-1'), false);
    events(2);
    assert.equal(cgroups.killedForMemory(uid, 'gone-1'), true);
    assert.equal(cgroups.killedForMemory(uid, 'gone-2'), false, 'those kills were another\'s');
  });
  const record = '6,3163,621484721,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=abc,mems_allowed=0,oom_memcg=/peapod/pod1,task_memcg=/peapod/pod1/abc,task=tail,pid=9,uid=0\n';
  assert.equal(isKillOf(record, 'abc'), true);
  assert.equal(isKillOf(record, 'ab'), false);
  assert.equal(isKillOf(record.replace('oom-kill:', ''), 'abc'), false);
});
