// Whether the node takes a Pod that is bound to it: the scheduler may have been passed by, or have known less. Pure.
import { podRequests } from '../api/kinds/pod/resources.ts';
import { tolerates } from '../api/taints.ts';
import type { Node, Pod } from '../api/types.ts';
import { containersOf } from './pod/containers.ts';
import type { ResizeRefusal } from './resize/pod-resize.ts';
import type { Allocatable } from './spec/downward.ts';
import { unsupportedSecurity, type SecurityFeatures } from './spec/security-support.ts';

export interface Refusal {
  readonly reason: string;
  readonly message: string;
}

export interface NodeCapacity {
  readonly allocatable: Allocatable;
  readonly podLimit: number;
  readonly security: SecurityFeatures;
}

/** As much of the Node as decides. */
export type NodeFacts = Pick<Node, 'metadata'> & { readonly spec?: Node['spec'] };

/** What a newer look at the Node may find otherwise: others write its labels and taints. */
export const mayHaveChanged: ReadonlySet<string> = new Set(['NodeAffinity', 'TaintToleration']);

/** Undefined: it is taken. `others`: the Pods that are here already and have not ended. */
export function refusalOf(pod: Pod, others: readonly Pod[], { allocatable, podLimit, security }: NodeCapacity, node: NodeFacts): Refusal | undefined {
  if (others.length + 1 > podLimit) return outOf('pods', 1, others.length, podLimit);
  const capacities: readonly (readonly [string, number])[] = [['cpu', allocatable.milliCpu], ['memory', allocatable.memoryBytes], ['ephemeral-storage', allocatable.ephemeralStorageBytes]];
  const requests = podRequests(pod);
  const taken = others.map(podRequests);
  for (const [name, capacity] of capacities) {
    const requested = requests[name] ?? 0;
    if (requested === 0) continue;
    const used = taken.reduce((sum, amounts) => sum + (amounts[name] ?? 0), 0);
    if (used + requested > capacity) return outOf(name, requested, used, capacity);
  }
  if (!selectsNode(pod, node)) return rejected('NodeAffinity', "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector");
  if (portsTaken(pod, others)) return rejected('NodePorts', "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports");
  const evicting = node.spec?.taints?.some((taint) => taint.effect === 'NoExecute' && !tolerates(pod.spec.tolerations ?? [], taint));
  if (evicting) return rejected('TaintToleration', "Predicate TaintToleration failed: node(s) had taints that the pod didn't tolerate");
  const unsupported = unsupportedSecurity(pod, security);
  return unsupported && rejected(unsupported.reason, unsupported.message);
}

/** Why a Pod that runs here cannot have what it newly asks for. `others`: with what they were granted. */
export function resizeRefusalOf(pod: Pod, others: readonly Pod[], { allocatable }: Pick<NodeCapacity, 'allocatable'>): ResizeRefusal | undefined {
  const capacities = [['memory', allocatable.memoryBytes], ['cpu', allocatable.milliCpu]] as const;
  const requests = podRequests(pod);
  for (const [name, capacity] of capacities) {
    const requested = requests[name] ?? 0;
    if (requested > capacity) return { reason: 'Infeasible', message: `Node didn't have enough capacity: ${name}, requested: ${requested}, capacity: ${capacity}` };
  }
  const taken = others.map(podRequests);
  for (const [name, capacity] of capacities.toReversed()) {
    const requested = requests[name] ?? 0;
    const used = taken.reduce((sum, amounts) => sum + (amounts[name] ?? 0), 0);
    if (used + requested > capacity) return { reason: 'Deferred', message: outOfMessage(name, requested, used, capacity) };
  }
  return undefined;
}

function outOfMessage(name: string, requested: number, used: number, capacity: number): string {
  return `Node didn't have enough resource: ${name}, requested: ${requested}, used: ${used}, capacity: ${capacity}`;
}

function outOf(name: string, requested: number, used: number, capacity: number): Refusal {
  return rejected(`OutOf${name}`, outOfMessage(name, requested, used, capacity));
}

function rejected(reason: string, message: string): Refusal {
  return { reason, message: `Pod was rejected: ${message}` };
}

function selectsNode(pod: Pod, { metadata }: Pick<Node, 'metadata'>): boolean {
  const labels = metadata.labels ?? {};
  if (Object.entries(pod.spec.nodeSelector ?? {}).some(([key, value]) => labels[key] !== value)) return false;
  const terms = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  if (!terms) return true;
  return terms.some(({ matchExpressions = [], matchFields = [] }) => {
    if (matchExpressions.length + matchFields.length === 0) return false;
    return matchExpressions.every((one) => holds(one, labels[one.key])) && matchFields.every((one) => holds(one, one.key === 'metadata.name' ? metadata.name : undefined));
  });
}

function holds({ operator, values = [] }: { operator: string; values?: readonly string[] }, value: string | undefined): boolean {
  switch (operator) {
    case 'In': return value !== undefined && values.includes(value);
    case 'NotIn': return value === undefined || !values.includes(value);
    case 'Exists': return value !== undefined;
    case 'DoesNotExist': return value === undefined;
    case 'Gt': return value !== undefined && Number(value) > Number(values[0]);
    case 'Lt': return value !== undefined && Number(value) < Number(values[0]);
    default: return false;
  }
}

function portsTaken(pod: Pod, others: readonly Pod[]): boolean {
  const wanted = hostPorts(pod);
  if (wanted.length === 0) return false;
  const taken = others.flatMap(hostPorts);
  return wanted.some((one) => taken.some((other) => one.port === other.port && one.protocol === other.protocol && (one.ip === other.ip || one.ip === anyIP || other.ip === anyIP)));
}

const anyIP = '0.0.0.0';

function hostPorts(pod: Pod): { port: number; protocol: string; ip: string }[] {
  return containersOf(pod).all.flatMap(({ spec }) =>
    (spec.ports ?? []).flatMap(({ hostPort, containerPort, protocol = 'TCP', hostIP }) => {
      const port = hostPort || (pod.spec.hostNetwork ? containerPort : 0);
      return port ? [{ port, protocol, ip: hostIP || anyIP }] : [];
    }),
  );
}
