// The labels by which a Pod's sandboxes and containers are known again. Docker adds an image's labels to a container's
// and knows no annotations, so what the node gave is kept as it was in one label, beside those that are searched for.
import { containerNameLabel, ownerLabel, podNameLabel, podNamespaceLabel, podUidLabel } from '../cri/labels.ts';
import type { ContainerSpec, PodIdentity, SandboxSpec } from '../runtime.ts';

/** `sandbox` or `container`. */
export const kindLabel = 'peapod.dev/kind';
export const sandboxIdLabel = 'peapod.dev/sandbox-id';
const keptLabel = 'peapod.dev/kept';

type Texts = Readonly<Record<string, string>>;

export interface KeptSandbox {
  readonly attempt: number;
  readonly createdAtMs: number;
  readonly labels: Texts;
  readonly annotations: Texts;
  readonly logDirectory: string;
  readonly cgroupParent: string;
  readonly network: SandboxSpec['network'];
  readonly ipc: SandboxSpec['ipc'];
  readonly handler?: string;
}

export interface KeptContainer {
  readonly attempt: number;
  readonly labels: Texts;
  readonly annotations: Texts;
  readonly image: string;
  /** Absolute. */
  readonly logPath: string;
}

export function sandboxLabels(spec: SandboxSpec, owner: string, createdAtMs: number): Texts {
  const { attempt, labels, annotations, logDirectory, cgroupParent, network, ipc, handler } = spec;
  const kept: KeptSandbox = { attempt, createdAtMs, labels, annotations, logDirectory, cgroupParent, network, ipc, handler };
  return { ...podLabels(spec.pod, owner), [kindLabel]: 'sandbox', [keptLabel]: JSON.stringify(kept) };
}

export function containerLabels(spec: ContainerSpec, owner: string, sandboxId: string, logPath: string): Texts {
  const { attempt, labels, annotations, image } = spec;
  const kept: KeptContainer = { attempt, labels, annotations, image, logPath };
  return { ...podLabels(spec.pod, owner), [kindLabel]: 'container', [containerNameLabel]: spec.name, [sandboxIdLabel]: sandboxId, [keptLabel]: JSON.stringify(kept) };
}

export function keptOf<Kept extends KeptSandbox | KeptContainer>(labels: Texts): Kept {
  return JSON.parse(labels[keptLabel] ?? '{}') as Kept;
}

export function podOf(labels: Texts): PodIdentity {
  return { namespace: labels[podNamespaceLabel] ?? '', name: labels[podNameLabel] ?? '', uid: labels[podUidLabel] ?? '' };
}

/** A filter of lists and events for what has all of these labels. */
export function selecting(labels: Readonly<Record<string, string | undefined>>): { readonly label: readonly string[] } {
  return { label: Object.entries(labels).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`])) };
}

export function ours(owner: string, podUid?: string): { readonly label: readonly string[] } {
  return selecting({ [ownerLabel]: owner, [podUidLabel]: podUid });
}

function podLabels(pod: PodIdentity, owner: string): Texts {
  return { [podNameLabel]: pod.name, [podNamespaceLabel]: pod.namespace, [podUidLabel]: pod.uid, [ownerLabel]: owner };
}
