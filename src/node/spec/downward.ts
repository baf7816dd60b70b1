// The downward API: fields and resources of a Pod as text, for environment and volumes.
import type { Pod } from '../../api/types.ts';
import { containersOf } from '../pod/containers.ts';
import { ConfigError } from './config-error.ts';
import { amountOf } from './quantities.ts';

export interface PodFacts {
  readonly podIPs: readonly string[];
  readonly hostIPs: readonly string[];
}

export interface Allocatable {
  readonly milliCpu: number;
  readonly memoryBytes: number;
  readonly ephemeralStorageBytes: number;
}

/** The value at `metadata.name`, `metadata.labels['app']`, `status.podIP` … */
export function fieldText(pod: Pod, path: string, facts: PodFacts): string {
  const subscript = /^metadata\.(annotations|labels)\['(.*)'\]$/.exec(path);
  if (subscript) return pod.metadata[subscript[1] as 'annotations' | 'labels']?.[subscript[2]!] ?? '';
  switch (path) {
    case 'metadata.name': return pod.metadata.name;
    case 'metadata.namespace': return pod.metadata.namespace ?? '';
    case 'metadata.uid': return pod.metadata.uid;
    case 'metadata.labels': return mapText(pod.metadata.labels);
    case 'metadata.annotations': return mapText(pod.metadata.annotations);
    case 'spec.nodeName': return pod.spec.nodeName ?? '';
    case 'spec.serviceAccountName': return pod.spec.serviceAccountName ?? '';
    case 'status.hostIP': return facts.hostIPs[0] ?? '';
    case 'status.hostIPs': return facts.hostIPs.join(',');
    case 'status.podIP': return facts.podIPs[0] ?? '';
    case 'status.podIPs': return facts.podIPs.join(',');
    default: throw new ConfigError(`unsupported fieldPath: ${path}`);
  }
}

/** `limits.cpu` and the like, divided by the divisor and rounded up; a limit that is not set is the node's whole. */
export function resourceText(pod: Pod, containerName: string, resource: string, divisor: string | undefined, allocatable: Allocatable): string {
  const container = containersOf(pod).all.find(({ name }) => name === containerName);
  if (!container) throw new ConfigError(`container ${containerName} not found`);
  const [side, name] = splitOnce(resource, '.');
  if (side !== 'limits' && side !== 'requests') throw new ConfigError(`unsupported container resource : ${resource}`);
  const { limits = {}, requests = {} } = container.spec.resources ?? {};
  const limit = limits[name] === undefined ? wholeNode(name, allocatable) : amountOf(limits[name]);
  const amount = side === 'limits' ? limit : requests[name] === undefined ? (limits[name] === undefined ? 0 : limit) : amountOf(requests[name]);
  const unit = divisor && amountOf(divisor) > 0 ? amountOf(divisor) : 1;
  return String(Math.ceil(amount / unit - 1e-9));
}

/** Sorted `key="escaped value"` lines. */
function mapText(map: Record<string, string> | undefined): string {
  return Object.entries(map ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .join('\n');
}

function wholeNode(name: string, { milliCpu, memoryBytes, ephemeralStorageBytes }: Allocatable): number {
  if (name === 'cpu') return milliCpu / 1000;
  return name === 'memory' ? memoryBytes : name === 'ephemeral-storage' ? ephemeralStorageBytes : 0;
}

function splitOnce(text: string, by: string): [string, string] {
  const at = text.indexOf(by);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}
