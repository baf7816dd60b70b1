// The labels and annotations by which a Pod's sandboxes and containers are known again: the kubelet's, so that `crictl`
// shows them, and our own for what CRI does not give back.
import type { ContainerSpec, PodIdentity, SandboxSpec } from '../runtime.ts';

export const podNameLabel = 'io.kubernetes.pod.name';
export const podNamespaceLabel = 'io.kubernetes.pod.namespace';
export const podUidLabel = 'io.kubernetes.pod.uid';
export const containerNameLabel = 'io.kubernetes.container.name';
const restartCountAnnotation = 'io.kubernetes.container.restartCount';
/** Whose it is, where several clusters share one runtime. */
export const ownerLabel = 'peapod.dev/owner';
/** Of a sandbox: the parts of its configuration that each of its containers is created with, as JSON. */
export const configAnnotation = 'peapod.dev/sandbox-config';
/** Of a container: the image as it was asked for; runtimes give back any of its names. */
export const imageAnnotation = 'peapod.dev/image';

/** Of a container: the signal that its Pod wants it to be stopped with. */
export const stopSignalAnnotation = 'peapod.dev/stop-signal';

type Texts = Readonly<Record<string, string>>;

export function sandboxLabels(spec: SandboxSpec, owner: string | undefined): Texts {
  return { ...spec.labels, ...podLabels(spec.pod, owner) };
}

export function containerLabels(spec: ContainerSpec, owner: string | undefined): Texts {
  return { ...spec.labels, ...podLabels(spec.pod, owner), [containerNameLabel]: spec.name };
}

export function containerAnnotations(spec: ContainerSpec): Texts {
  return { [restartCountAnnotation]: String(spec.attempt), ...spec.annotations, [imageAnnotation]: spec.image, ...(spec.stopSignal ? { [stopSignalAnnotation]: spec.stopSignal } : {}) };
}

export function podOf(labels: Texts): PodIdentity {
  return { namespace: labels[podNamespaceLabel] ?? '', name: labels[podNameLabel] ?? '', uid: labels[podUidLabel] ?? '' };
}

/** What selects one Pod's, or everything that is ours. */
export function selector(owner: string | undefined, podUid?: string): Texts {
  return { ...(owner === undefined ? {} : { [ownerLabel]: owner }), ...(podUid === undefined ? {} : { [podUidLabel]: podUid }) };
}

function podLabels(pod: PodIdentity, owner: string | undefined): Texts {
  return { [podNameLabel]: pod.name, [podNamespaceLabel]: pod.namespace, [podUidLabel]: pod.uid, ...(owner === undefined ? {} : { [ownerLabel]: owner }) };
}
