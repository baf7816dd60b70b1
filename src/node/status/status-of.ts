// The Pod's status as the node sees it: from the newest object (for what others wrote and for transition times) and
// from what the runtime and the probes say. Pure.
import { formatTime } from '../../base/clock.ts';
import type { ContainerStatus, Pod, PodStatus } from '../../api/types.ts';
import type { Observation } from '../../runtime/runtime.ts';
import { containersOf, latestOf, type PodContainer } from '../pod/containers.ts';
import { qosClassOf } from '../spec/resources.ts';
import { conditionsOf } from './conditions.ts';
import { containerStatus, endedStatus, type ContainerKnowledge } from './container-status.ts';
import { isInitialized, phaseOf } from './phase.ts';

export interface StatusFacts extends ContainerKnowledge {
  readonly startTimeMs: number;
  readonly hostIPs: readonly string[];
  /** `ending`: stopping was asked for. `ended`: nothing runs and nothing will. */
  readonly life: 'living' | 'ending' | 'ended';
  /** Why the node fails the Pod (DeadlineExceeded, Evicted, OutOfcpu …); told when it has ended. */
  readonly failure?: { readonly reason: string; readonly message: string };
  readonly nowMs: number;
}

/** By these the node disrupts a Pod that had done nothing wrong: under pressure, and at its own shutdown. */
const disruptions: ReadonlySet<string> = new Set(['Evicted', 'Terminated']);

export function statusOf(pod: Pod, seen: Observation, facts: StatusFacts): PodStatus {
  const { init, app, ephemeral } = containersOf(pod);
  const ending = facts.life !== 'living';
  const initialized = initializedIn(pod, seen, facts.started);
  const statuses = new Map<string, ContainerStatus>();
  for (const container of init) {
    statuses.set(container.name, containerStatus(pod, container, seen, facts, isNextInit(init, statuses, container), ending));
  }
  for (const container of app) {
    const status = containerStatus(pod, container, seen, facts, initialized, ending);
    statuses.set(container.name, facts.life === 'ended' && initialized ? endedStatus(status) : status);
  }
  for (const container of ephemeral) statuses.set(container.name, containerStatus(pod, container, seen, facts, true, ending));

  const failure = facts.life === 'ended' ? facts.failure : undefined;
  const phase = failure ? 'Failed' : phaseOf(pod, statuses, facts.life === 'ended');
  const sandbox = seen.sandboxes[0];
  const sandboxReady = Boolean(sandbox?.ready && (sandbox.network === 'node' || sandbox.ips.length > 0));
  const podIPs = pod.spec.hostNetwork ? facts.hostIPs : sandbox?.ips.length ? sandbox.ips : ending ? (pod.status.podIPs ?? []).map(({ ip }) => ip) : [];
  const list = (containers: readonly PodContainer[]) => containers.map(({ name }) => statuses.get(name)!);
  return {
    ...kept(pod.status),
    ...(pod.metadata.generation === undefined ? {} : { observedGeneration: pod.metadata.generation }),
    phase,
    conditions: conditionsOf(pod, { phase, statuses, sandboxReady, ending, resize: ending ? [] : (facts.resize?.conditions() ?? []), evicted: facts.failure && disruptions.has(facts.failure.reason) ? facts.failure.message : undefined, nowMs: facts.nowMs }),
    ...failure,
    hostIP: facts.hostIPs[0] ?? '',
    hostIPs: facts.hostIPs.map((ip) => ({ ip })),
    ...(podIPs.length ? { podIP: podIPs[0]!, podIPs: podIPs.map((ip) => ({ ip })) } : {}),
    startTime: pod.status.startTime ?? formatTime(facts.startTimeMs),
    ...(init.length ? { initContainerStatuses: list(init) } : {}),
    ...(app.length ? { containerStatuses: list(app) } : {}),
    ...(ephemeral.length ? { ephemeralContainerStatuses: list(ephemeral) } : {}),
    qosClass: qosClassOf(pod),
    ...wholeResources(pod, facts),
  } as PodStatus;
}

/** Of the Pod as a whole, where it has any. */
function wholeResources(pod: Pod, { resize }: StatusFacts): Partial<PodStatus> {
  const granted = resize ? resize.allocation.pod : pod.spec.resources;
  if (!granted) return {};
  return { resources: granted, ...(granted.requests ? { allocatedResources: granted.requests } : {}) };
}

/** What others wrote into the status and the node must not lose. */
function kept(status: PodStatus): Partial<PodStatus> {
  const { nominatedNodeName, reason, message, resourceClaimStatuses } = status;
  return {
    ...(nominatedNodeName ? { nominatedNodeName } : {}),
    ...(reason ? { reason } : {}),
    ...(message ? { message } : {}),
    ...(resourceClaimStatuses ? { resourceClaimStatuses } : {}),
  };
}

/** All init containers before this one are done: it is its turn. */
function isNextInit(init: readonly PodContainer[], statuses: ReadonlyMap<string, ContainerStatus>, container: PodContainer): boolean {
  const earlier = init.slice(0, init.indexOf(container));
  return earlier.every(({ name, role }) => (role === 'sidecar' ? statuses.get(name)?.started : statuses.get(name)?.state?.terminated?.exitCode === 0));
}

function initializedIn(pod: Pod, seen: Observation, started: ReadonlySet<string>): boolean {
  const { init, app } = containersOf(pod);
  if (app.some(({ name }) => latestOf(seen, name))) return true;
  const statuses = new Map<string, ContainerStatus>();
  for (const { name } of init) {
    const latest = latestOf(seen, name);
    if (!latest) continue;
    const state = latest.state === 'exited' ? { terminated: { exitCode: latest.exitCode } } : {};
    statuses.set(name, { name, state, started: started.has(latest.id), ready: false, restartCount: 0, image: '', imageID: '' } as ContainerStatus);
  }
  return isInitialized(pod, statuses);
}
