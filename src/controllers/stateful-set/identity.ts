// What makes a Pod one of a StatefulSet's: its number, and the name, labels and volumes that follow from it.
import { statefulSets } from '../../api/kinds/stateful-set.ts';
import { controllerReference } from '../../api/meta.ts';
import type { KubeObject, New, Pod, PodTemplateSpec, StatefulSet, Volume } from '../../api/types.ts';

export const revisionLabel = 'controller-revision-hash';
const nameLabel = 'statefulset.kubernetes.io/pod-name';
const indexLabel = 'apps.kubernetes.io/pod-index';

/** -1: the name is not one that the set gives. */
export function ordinalOf(set: StatefulSet, { metadata }: Pod): number {
  const prefix = `${set.metadata.name}-`;
  const digits = metadata.name.startsWith(prefix) ? metadata.name.slice(prefix.length) : '';
  return /^(0|[1-9]\d{0,9})$/.test(digits) ? Number(digits) : -1;
}

export function firstOrdinal({ spec }: StatefulSet): number {
  return spec.ordinals?.start ?? 0;
}

export function revisionOf({ metadata }: Pod): string {
  return metadata.labels?.[revisionLabel] ?? '';
}

export function newPod(set: StatefulSet, template: PodTemplateSpec, revision: string, ordinal: number): New<Pod> {
  const name = `${set.metadata.name}-${ordinal}`;
  const { metadata, spec } = template;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: set.metadata.namespace,
      labels: { ...metadata?.labels, [nameLabel]: name, [indexLabel]: String(ordinal), [revisionLabel]: revision },
      annotations: metadata?.annotations,
      finalizers: metadata?.finalizers,
      ownerReferences: [controllerReference(set, statefulSets)],
    },
    spec: { ...spec!, hostname: name, subdomain: set.spec.serviceName || undefined, volumes: [...claimVolumes(set, ordinal), ...ownVolumes(set, spec?.volumes)] },
  };
}

/** The labels that the Pod should have and has not; undefined: its identity is right. What else is wrong of a Pod cannot be changed. */
export function missingIdentity(set: StatefulSet, pod: Pod): Record<string, string> | undefined {
  const ordinal = String(ordinalOf(set, pod));
  const { labels, name } = pod.metadata;
  return labels?.[nameLabel] === name && labels[indexLabel] === ordinal ? undefined : { [nameLabel]: name, [indexLabel]: ordinal };
}

export interface Claim extends KubeObject {
  spec: object;
}

export function claimName(set: StatefulSet, template: string, ordinal: number): string {
  return `${template}-${set.metadata.name}-${ordinal}`;
}

export function newClaims(set: StatefulSet, ordinal: number): readonly New<Claim>[] {
  return (set.spec.volumeClaimTemplates ?? []).map(({ metadata, spec }) => ({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: {
      name: claimName(set, metadata?.name ?? '', ordinal),
      namespace: set.metadata.namespace,
      labels: { ...metadata?.labels, ...set.spec.selector.matchLabels },
      annotations: metadata?.annotations,
      finalizers: metadata?.finalizers,
    },
    spec: spec ?? {},
  }));
}

function claimVolumes(set: StatefulSet, ordinal: number): Volume[] {
  return (set.spec.volumeClaimTemplates ?? []).map(({ metadata }) => ({
    name: metadata?.name ?? '',
    persistentVolumeClaim: { claimName: claimName(set, metadata?.name ?? '', ordinal) },
  }));
}

/** A claim takes the place of a volume with its name. */
function ownVolumes(set: StatefulSet, volumes: readonly Volume[] = []): readonly Volume[] {
  return volumes.filter(({ name }) => !set.spec.volumeClaimTemplates?.some(({ metadata }) => metadata?.name === name));
}
