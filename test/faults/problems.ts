// What is not as it must be: in the API, in the runtime, and on the machine. All of it is about one cluster's own things,
// so others may run beside it.
import { existsSync, globSync, readFileSync, readdirSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { deployments } from '../../src/api/kinds/deployment.ts';
import { pods } from '../../src/api/kinds/pod.ts';
import { controllerOf } from '../../src/api/meta.ts';
import type { Pod } from '../../src/api/types.ts';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import type { Client } from '../../src/client/client.ts';
import { createCriRuntime } from '../../src/runtime/cri/cri-runtime.ts';
import { isReady } from '../support/real-cluster.ts';
import type { Wanted } from './load.ts';

const answerMs = 20_000;

/** Empty when every wanted Pod runs, once, and nothing else is there. */
export async function problemsOf(client: Client, dataDir: string, wanted: readonly Wanted[]): Promise<string[]> {
  const problems: string[] = [];
  const all = (await client.list(pods, {}, AbortSignal.timeout(answerMs))).items;
  problems.push(...(await inTheApi(client, all, wanted)));
  problems.push(...(await inTheRuntime(dataDir, all)));
  problems.push(...onTheMachine(dataDir, all));
  return problems;
}

async function inTheApi(client: Client, all: readonly Pod[], wanted: readonly Wanted[]): Promise<string[]> {
  const problems: string[] = [];
  for (const pod of all) if (!isReady(pod) || pod.metadata.deletionTimestamp) problems.push(`Pod ${pod.metadata.name} is ${pod.metadata.deletionTimestamp ? 'still ending' : `not Ready: ${JSON.stringify(pod.status.containerStatuses?.map(({ state }) => state))}`}`);
  const bare = all.filter((pod) => !controllerOf(pod)).map(({ metadata }) => metadata.name).sort();
  const wantedBare = wanted.filter(({ kind }) => kind === 'Pod').map(({ name }) => name).sort();
  if (bare.join() !== wantedBare.join()) problems.push(`there are the Pods ${bare.join()}, wanted are ${wantedBare.join()}`);
  const owned = Map.groupBy(all.filter(controllerOf), ({ metadata }) => metadata.labels?.['app'] ?? '');
  for (const { name, replicas = 1 } of wanted.filter(({ kind }) => kind === 'Deployment')) {
    const { metadata, status } = await client.get(deployments, { namespace: 'default', name }, AbortSignal.timeout(answerMs));
    const count = owned.get(name)?.length ?? 0;
    owned.delete(name);
    if (count !== replicas || (status.updatedReplicas ?? 0) !== replicas || status.observedGeneration !== metadata.generation) problems.push(`Deployment ${name} has ${count} Pods, ${status.updatedReplicas ?? 0} of them new, and wants ${replicas}`);
  }
  for (const [name, rest] of owned) problems.push(`${rest.length} Pods are left of ${name}`);
  return problems;
}

/** One sandbox for each Pod, and in it each container once; of what ended, no more than is kept for its log. */
async function inTheRuntime(dataDir: string, all: readonly Pod[]): Promise<string[]> {
  const problems: string[] = [];
  const runtime = await createCriRuntime({ endpoint: `unix://${socketOf(dataDir)}`, clock: systemClock, log: silentLog, events: 'auto' });
  try {
    const seen = await runtime.observeAll(AbortSignal.timeout(answerMs));
    const byUid = new Map(all.map((pod) => [pod.metadata.uid, pod]));
    for (const [uid, { sandboxes, containers }] of seen) {
      const pod = byUid.get(uid);
      if (!pod) {
        problems.push(`${sandboxes.length} sandboxes and ${containers.length} containers are left of ${(sandboxes[0] ?? containers[0])?.pod.name}`);
        continue;
      }
      if (sandboxes.filter(({ ready }) => ready).length !== 1) problems.push(`${pod.metadata.name} has ${sandboxes.length} sandboxes, ${sandboxes.filter(({ ready }) => ready).length} of them ready`);
      const names = [...pod.spec.containers, ...(pod.spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always')].map(({ name }) => name);
      for (const name of names) {
        const running = containers.filter((one) => one.name === name && one.state === 'running').length;
        if (running !== 1) problems.push(`${name} of ${pod.metadata.name} runs ${running} times`);
      }
    }
    for (const [uid, pod] of byUid) if (!seen.has(uid)) problems.push(`the runtime has nothing of ${pod.metadata.name}`);
  } finally {
    await runtime.close();
  }
  return problems;
}

function onTheMachine(dataDir: string, all: readonly Pod[]): string[] {
  const problems: string[] = [];
  const { bridge, cgroupParent } = JSON.parse(readFileSync(join(dataDir, 'cluster.json'), 'utf8')) as { bridge: string; cgroupParent: string };
  const uids = new Set(all.map(({ metadata }) => metadata.uid));
  const ofUids = (what: string, found: readonly string[]) => {
    const left = [...new Set(found)].filter((uid) => !uids.has(uid));
    if (left.length > 0) problems.push(`${what} are left of ${left.join()}`);
  };
  const oneEach = (what: string, count: number) => count !== uids.size && problems.push(`there are ${count} ${what} for ${uids.size} Pods`);
  const list = (...path: string[]) => (existsSync(join(dataDir, ...path)) ? readdirSync(join(dataDir, ...path)) : []);
  const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n').map((line) => line.split(' ')[1] ?? '').filter((path) => path.startsWith(`${dataDir}/`));

  ofUids('directories', list('node', 'pods'));
  ofUids('logs', list('node', 'logs').map((name) => name.slice(name.lastIndexOf('_') + 1)));
  ofUids('mounts', mounts.flatMap((path) => /\/node\/pods\/([^/]+)/.exec(path)?.[1] ?? []));
  ofUids('cgroups', globSync(`/sys/fs/cgroup/{*/,}${cgroupParent.slice(1)}/{*/,}pod*`).map((path) => path.slice(path.lastIndexOf('/pod') + 4)));
  oneEach('network namespaces', mounts.filter((path) => path.includes('/netns/')).length);
  oneEach('addresses', list('network', 'ipam', bridge).filter((name) => /^\d+\./.test(name)).length);
  oneEach('links', execFileSync('ip', ['-o', 'link', 'show', 'master', bridge], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).split('\n').filter(Boolean).length);
  oneEach('shared memories', mounts.filter((path) => path.endsWith('/shm')).length);
  oneEach('shims', shimsOf(dataDir));
  for (const [what, count] of [['tasks', list('containerd', 'state', 'io.containerd.runtime.v2.task', 'k8s.io').length], ['mounted root file systems', mounts.filter((path) => path.endsWith('/rootfs')).length], ['states of runc', list('containerd', 'runc', 'k8s.io').length]] as const) {
    const most = all.reduce((sum, { spec }) => sum + 1 + spec.containers.length + (spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always').length, 0);
    if (count !== most) problems.push(`there are ${count} ${what} for ${most} containers and sandboxes that run`);
  }
  return problems;
}

function shimsOf(dataDir: string): number {
  const socket = socketOf(dataDir);
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      return /containerd-shim/.test(command[0] ?? '') && command.includes(socket);
    } catch {
      return false;
    }
  }).length;
}

/** Where its path would be too long, it is elsewhere. */
function socketOf(dataDir: string): string {
  const record = join(dataDir, 'containerd', 'socket-path');
  return existsSync(record) ? readFileSync(record, 'utf8').trim() : join(dataDir, 'containerd', 'containerd.sock');
}
