// Labels and annotations by which containers and sandboxes are known again: the kubelet's own, so that crictl and
// other tools read them.
import { createHash } from 'node:crypto';
import type { Container, Pod } from '../../api/types.ts';
import type { PodIdentity } from '../../runtime/runtime.ts';

export const containerHashAnnotation = 'io.kubernetes.container.hash';
export const restartCountAnnotation = 'io.kubernetes.container.restartCount';
export const terminationPathAnnotation = 'io.kubernetes.container.terminationMessagePath';
export const terminationPolicyAnnotation = 'io.kubernetes.container.terminationMessagePolicy';
export const terminationFileAnnotation = 'peapod/termination-log';
export const graceAnnotation = 'io.kubernetes.pod.terminationGracePeriod';

export function identityOf(pod: Pod): PodIdentity {
  return { namespace: pod.metadata.namespace ?? '', name: pod.metadata.name, uid: pod.metadata.uid };
}

export function podLabels(pod: Pod): Record<string, string> {
  return {
    ...pod.metadata.labels,
    'io.kubernetes.pod.name': pod.metadata.name,
    'io.kubernetes.pod.namespace': pod.metadata.namespace ?? '',
    'io.kubernetes.pod.uid': pod.metadata.uid,
  };
}

export function containerLabels(pod: Pod, container: string): Record<string, string> {
  return {
    'io.kubernetes.container.name': container,
    'io.kubernetes.pod.name': pod.metadata.name,
    'io.kubernetes.pod.namespace': pod.metadata.namespace ?? '',
    'io.kubernetes.pod.uid': pod.metadata.uid,
  };
}

/** Changes when the container must be made anew: of a running Pod only the image may change. */
export function containerHash(spec: Container): string {
  return createHash('sha256').update(`${spec.name}\0${spec.image ?? ''}`).digest('hex').slice(0, 8);
}
