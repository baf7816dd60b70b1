// Small Pods for scenarios, as JSON for `kubectl apply -f -` or the client.
import type { Container, PodSpec } from '../../src/api/types.ts';

export const busybox = 'localhost/busybox';

/** A shell that ends at once on SIGTERM. */
export const waits = ['sh', '-c', 'trap "exit 0" TERM; sleep 3600 & wait $!'];
/** A shell that never ends by itself and ignores SIGTERM. */
export const stubborn = ['sh', '-c', 'trap "" TERM; while true; do sleep 1; done'];

export interface PodManifest {
  readonly apiVersion: 'v1';
  readonly kind: 'Pod';
  readonly metadata: { readonly name: string; readonly namespace: string; readonly labels?: Record<string, string>; readonly annotations?: Record<string, string> };
  readonly spec: PodSpec;
}

export function pod(name: string, containers: readonly Partial<Container>[], spec: Partial<PodSpec> = {}, labels?: Record<string, string>, annotations?: Record<string, string>): PodManifest {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', ...(labels ? { labels } : {}), ...(annotations ? { annotations } : {}) },
    spec: { ...spec, containers: containers.map((container, n) => ({ name: `c${n}`, image: busybox, command: waits, ...container })) } as PodSpec,
  };
}
