// Nodes and Pods for tests, as short as they can be said.
import type { Node, Pod } from '../api/types.ts';

type Deep<T> = { [Key in keyof T]?: T[Key] extends object ? Deep<T[Key]> : T[Key] };

export function sampleNode(name: string, more: { readonly spec?: object; readonly labels?: Record<string, string>; readonly allocatable?: Record<string, string> } = {}): Node {
  return {
    metadata: { name, uid: `node-${name}`, resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z', labels: { 'kubernetes.io/hostname': name, ...more.labels } },
    spec: { ...more.spec },
    status: { allocatable: { cpu: '4', memory: '8Gi', pods: '110', ...more.allocatable } },
  };
}

export function samplePod(name: string, more: { readonly requests?: Record<string, string>; readonly spec?: Deep<Pod['spec']>; readonly labels?: Record<string, string> } = {}): Pod {
  return {
    metadata: { name, namespace: 'default', uid: `pod-${name}`, resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z', generation: 1, labels: more.labels },
    spec: { containers: [{ name: 'main', image: 'busybox', resources: { requests: more.requests } }], ...more.spec } as Pod['spec'],
    status: {},
  };
}
