// What the API server asks of this node: logs, exec, attach, port-forward. Errors are in the kubelet's words.
import { ApiError } from '../api/error.ts';
import type { NodeService, PodTarget, StreamSet } from '../api/node-service.ts';
import type { ContainerState, ExecStreams } from '../runtime/runtime.ts';
import { RuntimeError } from '../runtime/runtime.ts';
import type { NodeWorld } from './node-settings.ts';
import { containerNamed, latestOf } from './pod/containers.ts';
import type { Pods } from './pods.ts';
import type { Sampler } from './stats/sampler.ts';
import { usageBetween } from './stats/usage.ts';
import type { PodWorker } from './worker/pod-worker.ts';

export interface NodeServiceParts {
  readonly pods: Pods;
  readonly sampler: Sampler;
  readonly page: NodeService['page'];
}

export function createNodeService({ runtime, clock, files }: NodeWorld, { pods, sampler, page }: NodeServiceParts): NodeService {
  return {
    async *logs(target, container, options, signal) {
      const worker = workerOf(target);
      const state = logged(worker, container, options.previous);
      yield* files.readLog(state, {
        path: state.logPath,
        nowMs: clock.wallMs(),
        isRunning: () => worker.seen.containers.some(({ id, state: now }) => id === state.id && (now === 'running' || now === 'created')),
        onChange: (listener) => worker.onObserved(listener),
      }, options, signal);
    },
    async exec(target, container, command, streams, signal) {
      return inKubeletsWords(() => runtime.exec(running(target, container).id, command, execStreams(streams), signal));
    },
    async attach(target, container, streams, signal) {
      return inKubeletsWords(() => runtime.attach(running(target, container).id, execStreams(streams), signal));
    },
    checkRunning: (target, container) => void running(target, container),
    usage: async (signal) => usageBetween(await sampler.pair(signal)),
    page,
    async portForward(target, port, stream, signal) {
      const sandbox = workerOf(target).seen.sandboxes[0];
      if (!sandbox?.ready) throw new ApiError(404, 'NotFound', `pod not found (${JSON.stringify(`${target.name}_${target.namespace}`)})`);
      return inKubeletsWords(() => runtime.portForward(sandbox.id, port, stream, signal));
    },
  };

  function workerOf({ uid, name }: PodTarget): PodWorker {
    const worker = pods.worker(uid);
    if (!worker) throw ApiError.notFound({ plural: 'pods' }, name);
    return worker;
  }

  function running(target: PodTarget, container: string): ContainerState {
    const state = latestOf(workerOf(target).seen, container);
    if (state?.state !== 'running') throw new ApiError(404, 'NotFound', `container not found (${JSON.stringify(container)})`);
    return state;
  }
}

/** The container whose log is asked for; one that was never made has none yet. */
function logged({ pod, seen }: PodWorker, name: string, previous: boolean): ContainerState {
  const container = containerNamed(pod, name);
  if (!container) throw ApiError.badRequest(`container ${name} is not valid for pod ${pod.metadata.name}`);
  const all = seen.containers.filter((state) => state.name === name);
  const [latest] = all;
  if (previous) {
    const ended = latest?.state === 'exited' && isWaiting(pod, name) ? latest : all[1];
    if (!ended) throw ApiError.badRequest(`previous terminated container ${JSON.stringify(name)} in pod ${JSON.stringify(pod.metadata.name)} not found`);
    return ended;
  }
  const made = all.find(({ state }) => state !== 'created');
  if (made) return made;
  const status = statusesOf(pod).find((one) => one.name === name);
  const reason = status?.state?.waiting?.reason ?? (pod.spec.initContainers?.length && container.role === 'app' ? 'PodInitializing' : 'ContainerCreating');
  const why = /ImagePull|ErrImage|InvalidImageName/.test(reason) ? `trying and failing to pull image` : reason;
  throw ApiError.badRequest(`container ${JSON.stringify(name)} in pod ${JSON.stringify(pod.metadata.name)} is waiting to start: ${why}`);
}

function isWaiting(pod: PodWorker['pod'], name: string): boolean {
  return Boolean(statusesOf(pod).find((one) => one.name === name)?.state?.waiting);
}

function statusesOf({ status }: PodWorker['pod']) {
  return [...(status.containerStatuses ?? []), ...(status.initContainerStatuses ?? []), ...(status.ephemeralContainerStatuses ?? [])];
}

function execStreams({ stdin, stdout, stderr, tty, resize }: StreamSet): ExecStreams {
  return { stdin, stdout, stderr: tty ? undefined : stderr, tty, resize };
}

async function inKubeletsWords<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof RuntimeError) throw new ApiError(error.code === 'not-found' ? 404 : 500, error.code === 'not-found' ? 'NotFound' : 'InternalError', error.message, undefined, { cause: error });
    throw error;
  }
}
