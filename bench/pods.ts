// (a) From a create to the Pod seen Ready by a watcher, beside the same sandbox, create and start calls made raw over CRI
// on the same runtime in the same run; and from a delete to gone.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../src/base/clock.ts';
import { silentLog } from '../src/base/log.ts';
import { pods } from '../src/api/kinds/pod.ts';
import type { Pod } from '../src/api/types.ts';
import { maskedPaths, readonlyPaths } from '../src/node/spec/security.ts';
import { createCriRuntime } from '../src/runtime/cri/cri-runtime.ts';
import type { Runtime, SeccompProfile } from '../src/runtime/runtime.ts';
import type { Figure } from './main.ts';
import { median } from './statistics.ts';
import type { Subject } from './subject.ts';

const oneByOne = 12;
const atOnce = 30;
const image = 'localhost/busybox';
const command = ['sh', '-c', 'trap "exit 0" TERM; sleep 3600 & wait $!'];
const signal = new AbortController().signal;

export async function benchPods(subject: Subject): Promise<Figure[]> {
  const runtime = await createCriRuntime({ endpoint: subject.runtimeEndpoint, clock: systemClock, log: silentLog, events: 'auto' });
  const watcher = watchPods(subject);
  try {
    await createReady(subject, watcher, 'warm-up');
    await deleteGone(subject, watcher, 'warm-up');
    await rawPod(runtime, subject, 'warm-up').then((id) => rawEnd(runtime, id));
    const [created, raw, gone]: [number[], number[], number[]] = [[], [], []];
    // In turn, so that both see the same machine.
    for (let n = 0; n < oneByOne; n++) {
      created.push(await timed(() => createReady(subject, watcher, `one-${n}`)));
      gone.push(await timed(() => deleteGone(subject, watcher, `one-${n}`)));
      let sandbox = '';
      raw.push(await timed(async () => void (sandbox = await rawPod(runtime, subject, `raw-${n}`))));
      await rawEnd(runtime, sandbox);
    }
    const names = Array.from({ length: atOnce }, (_, n) => `many-${n}`);
    const [manyMs, manyRawMs, manyFilteredMs]: [number[], number[], number[]] = [[], [], []];
    for (let round = 0; round < 3; round++) {
      manyMs.push(await timed(() => Promise.all(names.map((name) => createReady(subject, watcher, name)))));
      await Promise.all(names.map((name) => deleteGone(subject, watcher, name)));
      const rawMs = async (seccomp: SeccompProfile['type']) => {
        let sandboxes: string[] = [];
        const ms = await timed(async () => void (sandboxes = await Promise.all(names.map((name) => rawPod(runtime, subject, `raw-${name}-${round}-${seccomp}`, seccomp)))));
        await Promise.all(sandboxes.map((id) => rawEnd(runtime, id)));
        return ms;
      };
      manyRawMs.push(await rawMs('Unconfined'));
      manyFilteredMs.push(await rawMs('RuntimeDefault'));
    }
    const perSecond = (ms: number) => atOnce / (ms / 1000);
    return [
      { name: 'pods: create → Ready', value: median(created), unit: 'ms', note: `median of ${oneByOne}, one at a time` },
      { name: 'pods: raw CRI', value: median(raw), unit: 'ms', note: 'sandbox + create + start, in turn with the above' },
      { name: 'pods: ratio to raw', value: median(created) / median(raw), unit: '×' },
      { name: 'pods: delete → gone', value: median(gone), unit: 'ms', note: 'process that ends on SIGTERM' },
      { name: `pods: ${atOnce} at once`, value: perSecond(median(manyMs)), unit: 'Pods/s', note: 'median of 3' },
      { name: `pods: ${atOnce} at once, raw`, value: perSecond(median(manyRawMs)), unit: 'Pods/s', note: 'median of 3' },
      { name: 'pods: throughput to raw', value: median(manyRawMs) / median(manyMs), unit: '×' },
      { name: 'pods: throughput to raw, filtered', value: median(manyFilteredMs) / median(manyMs), unit: '×', note: 'where the raw sandboxes get the seccomp profile that Kubernetes gives them' },
    ];
  } finally {
    watcher.stop();
    await runtime.close();
  }
}

interface Watcher {
  when(name: string, condition: (pod: Pod | undefined) => boolean): Promise<void>;
  stop(): void;
}

function watchPods(subject: Subject): Watcher {
  const controller = new AbortController();
  const seen = new Map<string, Pod>();
  const waiting = new Set<{ name: string; condition: (pod: Pod | undefined) => boolean; resolve: () => void }>();
  const look = (name: string) => {
    for (const waiter of waiting) {
      if (waiter.name === name && waiter.condition(seen.get(name))) {
        waiting.delete(waiter);
        waiter.resolve();
      }
    }
  };
  void (async () => {
    for await (const event of subject.client.watch(pods, { namespace: 'default' }, controller.signal)) {
      if (event.type === 'ERROR' || event.type === 'BOOKMARK') continue;
      const { name } = event.object.metadata;
      if (event.type === 'DELETED') seen.delete(name);
      else seen.set(name, event.object);
      look(name);
    }
  })().catch((error: unknown) => controller.signal.aborted || console.error(error));
  return {
    when: (name, condition) =>
      new Promise((resolve) => {
        waiting.add({ name, condition, resolve });
        look(name);
      }),
    stop: () => controller.abort(),
  };
}

async function createReady(subject: Subject, watcher: Watcher, name: string): Promise<void> {
  const container = { name: 'main', image, command };
  await subject.client.create(pods, { metadata: { name, namespace: 'default' }, spec: { containers: [container] } } as never, signal);
  await watcher.when(name, (pod) => pod?.status.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True') ?? false);
}

async function deleteGone(subject: Subject, watcher: Watcher, name: string): Promise<void> {
  await watcher.when(name, (pod) => pod !== undefined);
  await subject.client.delete(pods, { namespace: 'default', name }, {}, signal);
  await watcher.when(name, (pod) => pod === undefined);
}

/**
 * The same Pod by the runtime alone: the same calls with what they are told for such a Pod, and nothing around them. Unless
 * told, its sandbox has no seccomp profile, which ours has: to make that filter is a good part of what a sandbox costs.
 */
async function rawPod(runtime: Runtime, subject: Subject, name: string, seccomp: SeccompProfile['type'] = 'Unconfined'): Promise<string> {
  const pod = { namespace: 'bench', name, uid: name };
  const logDirectory = join(subject.dataDir, 'bench-logs', name);
  mkdirSync(logDirectory, { recursive: true });
  const mount = (containerPath: string, readOnly = false) => {
    const hostPath = join(logDirectory, containerPath.replaceAll('/', '-'));
    writeFileSync(hostPath, '');
    return { hostPath, containerPath, readOnly, propagation: 'None' } as const;
  };
  const mounts = [mount('/etc/hosts'), mount('/dev/termination-log'), mount('/var/run/secrets/kubernetes.io/serviceaccount/token', true)];
  const security = { supplementalGroups: [], seccomp: { type: 'Unconfined' } } as const;
  const sandbox = await runtime.startSandbox({
    pod, attempt: 0, hostname: name, logDirectory, labels: {}, annotations: {}, cgroupParent: subject.cgroupParent, network: 'pod', ipc: 'pod', pid: 'container',
    privileged: false, sysctls: {}, dns: { servers: [], searches: [], options: [] }, portMappings: [], security: { ...security, seccomp: { type: seccomp } as SeccompProfile },
  }, signal);
  const found = await runtime.imageStatus(image, signal);
  const id = await runtime.createContainer(sandbox, {
    pod, name: 'main', attempt: 0, imageId: found!.id, image, command, args: [], env: [], mounts, devices: [], labels: {}, annotations: {}, logPath: 'main.log',
    stdin: false, stdinOnce: false, tty: false, resources: { cpuShares: 2, oomScoreAdj: 1000 },
    security: { ...security, privileged: false, addCapabilities: [], dropCapabilities: [], readOnlyRootfs: false, noNewPrivileges: false, maskedPaths, readonlyPaths, pid: 'container' },
  }, signal);
  await runtime.startContainer(id, signal);
  return sandbox;
}

async function rawEnd(runtime: Runtime, sandbox: string): Promise<void> {
  await runtime.stopSandbox(sandbox, signal);
  await runtime.removeSandbox(sandbox, signal);
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await work();
  return performance.now() - startMs;
}
