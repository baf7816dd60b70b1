// What a Pod asks of a node, worked out once from its spec.
import type { Container, Pod, Toleration } from '../api/types.ts';
import { add, amountsOf, raise, type Amounts, type MutableAmounts } from './amounts.ts';
import { affinityOf, type Affinity } from './affinity-terms.ts';
import { namedNodes, nodeTest, type NodeTest } from '../api/node-affinity.ts';

export interface HostPort {
  readonly ip: string;
  readonly protocol: string;
  readonly port: number;
}

export interface PodNeeds {
  readonly pod: Pod;
  readonly uid: string;
  readonly priority: number;
  /** Only what is asked for. */
  readonly requests: Amounts;
  /** For scores: a container that asks for nothing counts a little. */
  readonly scored: Amounts;
  readonly ports: readonly HostPort[];
  readonly tolerations: readonly Toleration[];
  /** Undefined: any node will do. */
  readonly allows: NodeTest | undefined;
  /** The only nodes that can do, where the Pod names them (those of DaemonSets do). */
  readonly namedNodes: ReadonlySet<string> | undefined;
  /** Undefined: it says nothing of other Pods. */
  readonly affinity: Affinity | undefined;
}

/** What a container that names no request is taken to use when nodes are compared: 100m and 200 MB. */
const unasked = { cpu: 100, memory: 200 * 1024 * 1024 };

export function needsOf(pod: Pod): PodNeeds {
  const { spec, metadata } = pod;
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  const requests = podAmounts(pod, requestsWhileResizing(pod));
  for (const name in requests) if (requests[name] === 0) delete requests[name];
  return {
    pod,
    uid: metadata.uid,
    priority: spec.priority ?? 0,
    requests,
    scored: podAmounts(pod, (container) => scoredAmounts(amountsOf(container.resources?.requests))),
    ports: hostPorts([...(spec.containers ?? []), ...(spec.initContainers ?? []).filter(isSidecar)]),
    tolerations: spec.tolerations ?? [],
    allows: nodeTest(spec.nodeSelector, required),
    namedNodes: namedNodes(required),
    affinity: affinityOf(pod),
  };
}

/**
 * Containers run together, so they add up; init containers run before them, one by one, beside the sidecars started so
 * far; the most that is ever needed counts. The Pod's own request, where it has one, stands for its containers'.
 */
function podAmounts({ spec }: Pod, of: (container: Container) => Amounts): MutableAmounts {
  const total: MutableAmounts = {};
  for (const container of spec.containers ?? []) add(total, of(container));
  const sidecars: MutableAmounts = {};
  const most: MutableAmounts = {};
  for (const container of spec.initContainers ?? []) {
    const amounts = of(container);
    if (isSidecar(container)) {
      add(total, amounts);
      add(sidecars, amounts);
      raise(most, sidecars);
    } else {
      const together = { ...sidecars };
      add(together, amounts);
      raise(most, together);
    }
  }
  raise(total, most);
  Object.assign(total, amountsOf(spec.resources?.requests));
  add(total, amountsOf(spec.overhead));
  return total;
}

/** A Pod that is being resized counts with the most of what it asks for, is granted and has; one that cannot be, without what it asks for. */
function requestsWhileResizing({ status }: Pod): (container: Container) => Amounts {
  const pending = status.conditions?.find(({ type, status: is }) => type === 'PodResizePending' && is === 'True');
  return ({ name, resources }) => {
    const told = [...(status.containerStatuses ?? []), ...(status.initContainerStatuses ?? [])].find((one) => one.name === name);
    const asked = amountsOf(resources?.requests);
    if (!told?.allocatedResources) return asked;
    const most: MutableAmounts = pending?.reason === 'Infeasible' ? {} : { ...asked };
    raise(most, amountsOf(told.allocatedResources));
    raise(most, amountsOf(told.resources?.requests));
    return most;
  };
}

function isSidecar(container: Container): boolean {
  return container.restartPolicy === 'Always';
}

function scoredAmounts({ cpu = unasked.cpu, memory = unasked.memory }: Amounts): Amounts {
  return { cpu, memory };
}

function hostPorts(containers: readonly Container[]): HostPort[] {
  const ports: HostPort[] = [];
  for (const container of containers) {
    for (const { hostPort, hostIP, protocol = 'TCP' } of container.ports ?? []) {
      if (hostPort) ports.push({ ip: hostIP || '0.0.0.0', protocol, port: hostPort });
    }
  }
  return ports;
}
