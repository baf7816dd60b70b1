// The node agent: runs the Pods that are bound to its node, and tells the API how they and the node are. Ending it stops
// our work, never a container; the next agent on the same node takes everything up again.
import { pods } from '../api/kinds/pod.ts';
import { services } from '../api/kinds/service.ts';
import type { NodeService } from '../api/node-service.ts';
import type { Runnable } from '../base/runnable.ts';
import { backoffMs } from '../base/backoff.ts';
import { createEventRecorder } from '../client/event-recorder.ts';
import { createInformer } from '../client/create-informer.ts';
import type { RuntimeFeatures } from '../runtime/runtime.ts';
import { createCgroupUsage } from './cgroups/cgroup-usage.ts';
import { createCgroups, noCgroups, type CgroupLimits } from './cgroups/cgroups.ts';
import { allocatableOf } from './eviction/allocatable.ts';
import { Evictor } from './eviction/evictor.ts';
import { createMachineReadings } from './eviction/machine-readings.ts';
import { parseEvictionPolicy } from './eviction/policy.ts';
import { NodePressure } from './eviction/pressure.ts';
import { createLocalVolumes } from './local-volumes/local-volumes.ts';
import { ImageCollector, ImageUses } from './images/collect-images.ts';
import { defaultImageGcPolicy } from './images/image-gc.ts';
import { PullRecords } from './images/pull-records.ts';
import { Pulls } from './images/pulls.ts';
import { mostProcesses, readMachine } from './machine.ts';
import { createNodeService } from './node-service.ts';
import { dirsOf, type NodeAgentOptions, type NodeWorld } from './node-settings.ts';
import { NodeStatus } from './node-status/node-status.ts';
import { kubeletConfiguration } from './pages/configuration.ts';
import { createNodePages } from './pages/node-pages.ts';
import { abortable } from './pod/abortable.ts';
import { realPodFiles } from './pod-files/real-pod-files.ts';
import { Pods } from './pods.ts';
import { NodeShutdown } from './shutdown/node-shutdown.ts';
import { sampleMachine } from './stats/machine-sample.ts';
import { Sampler } from './stats/sampler.ts';
import { eventsAsSteps } from './timeline/events-as-steps.ts';
import { PodTimelines } from './timeline/timelines.ts';
import { createReferences } from './references/references.ts';

export interface NodeAgent extends Runnable {
  /** Logs, exec, attach and port-forward of this node's containers. */
  readonly service: NodeService;
  /** Resolves when the API has the node as Ready for the first time. */
  readonly ready: Promise<void>;
  /** For a node with a time for that: ends its Pods; resolves when that is done, or its time is over. To be ended afterwards. */
  shutDown(signal: AbortSignal): Promise<void>;
}

const defaultPodLimit = 110;
const defaultPullsAtOnce = 5;
const flushMs = 1000;
/** Between looks for orphans; containerd takes up to a minute to clean up after a call that was cut off. */
const orphanWaitsMs = [0, 10_000, 60_000];

export function createNodeAgent(options: NodeAgentOptions): NodeAgent {
  const { name, client, runtime, clock, random, dataDir, files = realPodFiles } = options;
  const log = options.log.named('node');
  const dirs = dirsOf(dataDir);
  files.makeDirectories(dirs);
  const timelines = new PodTimelines(clock);
  const events = eventsAsSteps(createEventRecorder({ client, component: 'kubelet', host: name, clock, random, log }), timelines);
  const machine = options.machine ?? readMachine(dataDir);
  const podLimit = options.podLimit ?? defaultPodLimit;
  const policy = options.eviction ?? parseEvictionPolicy();
  const allocatable = allocatableOf(machine, options.reserved, policy);
  const pressure = new NodePressure();
  const shutdown = new NodeShutdown(options.shutdown);
  const hostIPs = options.addresses.filter(({ type }) => type === 'InternalIP').map(({ address }) => address);
  let orphansMayBe = () => {};
  let runtimeName = 'containerd';
  let runtimeFeatures: RuntimeFeatures = { supplementalGroupsPolicy: false };
  const world: NodeWorld = {
    name, client, runtime, clock, random, log, events, timelines, dirs, files, hostIPs, machine, allocatable, pressure, shutdown, podLimit,
    dns: options.dns,
    get node() { return status.node; },
    pulls: new Pulls({ runtime, clock, mostAtOnce: options.mostPullsAtOnce ?? defaultPullsAtOnce }),
    pullRecords: new PullRecords(files.pullRecords(dirs)),
    imageUses: new ImageUses(),
    allowedUnsafeSysctls: options.allowedUnsafeSysctls ?? [],
    ...(options.beforeContainers ? { beforeContainers: options.beforeContainers } : {}),
    get runtimeName() { return runtimeName; },
    get runtimeFeatures() { return runtimeFeatures; },
  };
  const informerDeps = { clock, random, log };
  const source = createInformer(client, pods, { fieldSelector: `spec.nodeName=${name}` }, informerDeps);
  const serviceSource = createInformer(client, services, {}, informerDeps);
  const references = createReferences(client, informerDeps);
  const status = new NodeStatus({ ...options, machine, allocatable, podLimit }, world);
  const cgroupLimits: CgroupLimits = {
    ...(options.reserved?.memoryBytes ? { memoryBytes: machine.memoryBytes - options.reserved.memoryBytes } : {}),
    ...(options.reserved?.processes ? { processes: mostProcesses() - options.reserved.processes } : {}),
    podProcesses: options.podMaxPids,
  };
  const cgroups = options.cgroupRoot === false ? noCgroups : createCgroups(options.cgroupRoot ?? '/sys/fs/cgroup', options.cgroupParent, log, cgroupLimits);
  const localVolumes = options.localVolumes === undefined ? undefined : createLocalVolumes({ nodeName: name, client, clock, random, log, root: options.localVolumes });
  const images = new ImageCollector({
    nodeName: name, runtime, clock, log, events, uses: world.imageUses, volumeImages: () => [...all.all].flatMap(({ pod }) => (pod.spec.volumes ?? []).flatMap(({ image }) => image?.reference ?? [])), records: world.pullRecords, policy: { ...defaultImageGcPolicy, ...options.imageGc }, disk: options.imageDisk,
  });
  const all = new Pods({ world, cgroups, references, services: async () => (await serviceSource.synced, serviceSource.list()) }, status);

  const ofMachine = options.cgroupRoot !== false;
  const cgroupUsage = ofMachine ? createCgroupUsage(options.cgroupRoot || '/sys/fs/cgroup', options.cgroupParent) : () => undefined;
  const sampler = new Sampler({ runtime, clock, pods: all, cgroupUsage, machine: () => (ofMachine ? sampleMachine(dataDir) : undefined) });
  const readings = options.readings ?? createMachineReadings({ nodeDirectory: dirs.pods, imageDirectory: (signal) => runtime.imageFilesystem(signal), cgroups, limits: cgroupLimits });
  const evictor = new Evictor({ world, pods: all, policy, pressure, sampler, readings, removeUnusedImages: (signal) => images.removeUnused(signal) });
  pressure.onChange(() => status.changed());
  shutdown.onChange(() => status.changed());
  const page = createNodePages({ world, version: options.version, pods: all, sampler, configuration: kubeletConfiguration(options, podLimit), ...(options.moreMetrics ? { moreMetrics: options.moreMetrics } : {}) });

  return {
    name: `node/${name}`,
    service: createNodeService(world, { pods: all, sampler, page }),
    ready: status.ready,
    shutDown: (signal) => shutdown.shutDown(world, () => all.all, signal),
    async run(signal) {
      await learnRuntime(signal);
      await Promise.all([
        source.run(signal),
        serviceSource.run(signal),
        status.run(signal),
        all.follow(source, signal),
        followRuntime(signal),
        endOrphans(signal),
        files.keepBounded(world, all, signal),
        localVolumes?.run(signal),
        images.run(signal),
        evictor.run(signal),
      ]);
      await references.close();
      await flushEvents();
    },
  };

  /** What is still to be told gets a moment: the signal that ended us does not end this. */
  async function flushEvents(): Promise<void> {
    const late = new AbortController();
    using _timer = clock.schedule(flushMs, () => late.abort());
    await events.flush(late.signal).catch(() => {});
  }

  async function learnRuntime(signal: AbortSignal): Promise<void> {
    for (let failures = 1; !signal.aborted; failures++) {
      try {
        const [version, features] = await Promise.all([runtime.version(signal), runtime.features(signal)]);
        [runtimeName, runtimeFeatures] = [version.name, features];
        return;
      } catch (error) {
        if (signal.aborted) return;
        log.warn('the runtime does not answer', { error });
        await clock.sleep(backoffMs(failures, { initialMs: 50, longestMs: 5_000 }), signal).catch(() => {});
      }
    }
  }

  async function followRuntime(signal: AbortSignal): Promise<void> {
    for await (const event of runtime.events(signal)) {
      if (signal.aborted) return;
      if (event.type === 'resync') {
        status.changed();
        orphansMayBe();
      }
      all.runtimeChanged(event);
    }
  }

  /** At the start, and when the runtime was lost meanwhile. More than once: of calls that were cut off something may come to light late. */
  async function endOrphans(signal: AbortSignal): Promise<void> {
    await abortable(source.synced, signal).catch(() => {});
    while (!signal.aborted) {
      const anew = new Promise<void>((resolve) => (orphansMayBe = resolve));
      for (const waitMs of orphanWaitsMs) {
        const waiting = new AbortController();
        const due = clock.sleep(waitMs, AbortSignal.any([signal, waiting.signal])).then(() => 'due', () => 'aborted');
        const next = waitMs === 0 ? 'due' : await Promise.race([due, anew]);
        waiting.abort();
        if (next !== 'due') break;
        await endOrphansNow(signal);
      }
      await abortable(anew, signal).catch(() => {});
    }
  }

  async function endOrphansNow(signal: AbortSignal): Promise<void> {
    for (let failures = 1; !signal.aborted; failures++) {
      try {
        return await all.endOrphans(source, signal);
      } catch (error) {
        if (signal.aborted) return;
        log.warn('cannot look for orphans', { error });
        await clock.sleep(backoffMs(failures, { initialMs: 500, longestMs: 30_000 }), signal).catch(() => {});
      }
    }
  }
}
