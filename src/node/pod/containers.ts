// A Pod's containers as one list, each with its role: init, sidecar (an init container that stays), app or ephemeral.
import type { Container, Pod } from '../../api/types.ts';
import type { ContainerState, Observation } from '../../runtime/runtime.ts';

export type ContainerRole = 'init' | 'sidecar' | 'app' | 'ephemeral';

export interface PodContainer {
  readonly name: string;
  readonly role: ContainerRole;
  readonly spec: Container;
  /** As in the involvedObject of events: `spec.containers{web}`. */
  readonly fieldPath: string;
}

export interface PodContainers {
  /** Init containers and sidecars in their order. */
  readonly init: readonly PodContainer[];
  readonly app: readonly PodContainer[];
  readonly ephemeral: readonly PodContainer[];
  readonly all: readonly PodContainer[];
}

const known = new WeakMap<object, PodContainers>();

/** Reckoned once per Pod object: those are frozen. */
export function containersOf(pod: Pod): PodContainers {
  let containers = known.get(pod.spec);
  if (!containers) {
    const init = (pod.spec.initContainers ?? []).map((spec): PodContainer => ({
      name: spec.name,
      role: spec.restartPolicy === 'Always' ? 'sidecar' : 'init',
      spec,
      fieldPath: `spec.initContainers{${spec.name}}`,
    }));
    const app = (pod.spec.containers ?? []).map((spec): PodContainer => ({ name: spec.name, role: 'app', spec, fieldPath: `spec.containers{${spec.name}}` }));
    const ephemeral = (pod.spec.ephemeralContainers ?? []).map((spec): PodContainer => ({
      name: spec.name,
      role: 'ephemeral',
      spec: spec as Container,
      fieldPath: `spec.ephemeralContainers{${spec.name}}`,
    }));
    containers = { init, app, ephemeral, all: [...init, ...app, ...ephemeral] };
    known.set(pod.spec, containers);
  }
  return containers;
}

export function containerNamed(pod: Pod, name: string): PodContainer | undefined {
  return containersOf(pod).all.find((container) => container.name === name);
}

/** The newest container of this name in any sandbox. */
export function latestOf(seen: Observation, name: string): ContainerState | undefined {
  return seen.containers.find((container) => container.name === name);
}

/** The one before the newest. */
export function previousOf(seen: Observation, name: string): ContainerState | undefined {
  return seen.containers.filter((container) => container.name === name)[1];
}

/**
 * Whether a container that ended with this exit code is to run again: by the first of its own rules that speaks of the code,
 * else by its own policy, else by its Pod's. An init container that succeeded never does.
 */
export function restartsAfter(pod: Pod, { role, spec }: PodContainer, exitCode: number): boolean {
  if (role === 'sidecar') return true;
  if (role === 'ephemeral' || (role === 'init' && exitCode === 0)) return false;
  if (spec.restartPolicy && spec.restartPolicyRules?.some((rule) => speaksOf(rule, exitCode))) return true;
  const policy = spec.restartPolicy ?? pod.spec.restartPolicy ?? 'Always';
  return policy === 'Always' || (policy === 'OnFailure' && exitCode !== 0);
}

/** The only action there is restarts the container. */
function speaksOf({ action, exitCodes }: NonNullable<Container['restartPolicyRules']>[number], exitCode: number): boolean {
  if (action !== 'Restart' || !exitCodes) return false;
  return (exitCodes.values ?? []).includes(exitCode) === (exitCodes.operator === 'In');
}

/** `name_namespace(uid)`, as the kubelet names a Pod in messages. */
export function podText(pod: Pod): string {
  return `${pod.metadata.name}_${pod.metadata.namespace}(${pod.metadata.uid})`;
}
