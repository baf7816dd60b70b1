// The ReplicaSets of a Deployment: which one is the new one, how revisions are written on them, how they are resized.
import { controllerReference, sameJson, templateHash } from '../../api/meta.ts';
import { deployments } from '../../api/kinds/deployment.ts';
import type { Deployment, New, PodTemplateSpec, ReplicaSet } from '../../api/types.ts';
import { fencesOf } from './fences.ts';

export const hashLabel = 'pod-template-hash';
export const revisionAnnotation = 'deployment.kubernetes.io/revision';
const historyAnnotation = 'deployment.kubernetes.io/revision-history';
const desiredAnnotation = 'deployment.kubernetes.io/desired-replicas';
const maxAnnotation = 'deployment.kubernetes.io/max-replicas';
const lastAppliedAnnotation = 'kubectl.kubernetes.io/last-applied-configuration';
/** Annotations of the Deployment that its ReplicaSets do not get. */
const notCopied: ReadonlySet<string> = new Set([lastAppliedAnnotation, revisionAnnotation, historyAnnotation, desiredAnnotation, maxAnnotation, 'deprecated.deployment.rollback.to']);
const longestHistory = 2000;

export interface Sets {
  /** The one with the Deployment's present template. */
  readonly fresh: ReplicaSet | undefined;
  /** Oldest first. */
  readonly old: readonly ReplicaSet[];
}

export function sortSets(deployment: Deployment, all: readonly ReplicaSet[]): Sets {
  const byAge = [...all].sort(olderFirst);
  const fresh = byAge.find(({ spec }) => sameTemplate(spec.template, deployment.spec.template));
  return { fresh, old: byAge.filter((set) => set !== fresh) };
}

export function olderFirst(a: ReplicaSet, b: ReplicaSet): number {
  const [left, right] = [a.metadata.creationTimestamp, b.metadata.creationTimestamp];
  return left === right ? (a.metadata.name < b.metadata.name ? -1 : 1) : left < right ? -1 : 1;
}

export function sizeOf(set: ReplicaSet): number {
  return set.spec.replicas ?? 1;
}

export function isActive(set: ReplicaSet): boolean {
  return sizeOf(set) > 0;
}

export function sum(sets: readonly ReplicaSet[], of: (set: ReplicaSet) => number | undefined): number {
  return sets.reduce((total, set) => total + (of(set) ?? 0), 0);
}

export function revisionOf(set: ReplicaSet): number {
  return Number(set.metadata.annotations?.[revisionAnnotation]) || 0;
}

export function numberFrom(set: ReplicaSet, which: 'desired' | 'max'): number | undefined {
  const text = set.metadata.annotations?.[which === 'desired' ? desiredAnnotation : maxAnnotation];
  return text !== undefined && /^-?\d+$/.test(text) ? Number(text) : undefined;
}

/** The ReplicaSet for the Deployment's present template, not yet sized. */
export function makeFresh(deployment: Deployment, old: readonly ReplicaSet[]): New<ReplicaSet> {
  const { metadata, spec, status } = deployment;
  const hash = templateHash(spec.template, status?.collisionCount);
  const labels = { ...spec.template.metadata?.labels, [hashLabel]: hash };
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: `${metadata.name}-${hash}`,
      namespace: metadata.namespace,
      labels,
      annotations: { ...copiedAnnotations(deployment), [revisionAnnotation]: String(nextRevision(old)), ...sizeAnnotations(deployment) },
      ownerReferences: [controllerReference(deployment, deployments)],
    },
    spec: {
      replicas: 0,
      minReadySeconds: spec.minReadySeconds,
      selector: { ...spec.selector, matchLabels: { ...spec.selector.matchLabels, [hashLabel]: hash } },
      template: { ...spec.template, metadata: { ...spec.template.metadata, labels } },
    },
  };
}

/** The fresh ReplicaSet as it should be: newest revision (a rollback makes an old one newest again), annotations, minReadySeconds. */
export function renewed(deployment: Deployment, { fresh, old }: Sets): ReplicaSet | undefined {
  if (!fresh) return undefined;
  const before = fresh.metadata.annotations ?? {};
  const annotations = { ...before, ...copiedAnnotations(deployment) };
  const next = nextRevision(old);
  if (revisionOf(fresh) < next) {
    annotations[revisionAnnotation] = String(next);
    if (before[revisionAnnotation] !== undefined) annotations[historyAnnotation] = historyWith(before[historyAnnotation], before[revisionAnnotation]);
  }
  const minReadySeconds = deployment.spec.minReadySeconds;
  const sameReady = (fresh.spec.minReadySeconds ?? 0) === (minReadySeconds ?? 0);
  if (sameReady && sameJson(before, annotations)) return fresh;
  return { ...fresh, metadata: { ...fresh.metadata, annotations }, spec: sameReady ? fresh.spec : { ...fresh.spec, minReadySeconds } };
}

/** The very same set when its size and what is noted about sizes are so already. */
export function resized(set: ReplicaSet, replicas: number, deployment: Deployment): ReplicaSet {
  const annotations = { ...set.metadata.annotations, ...sizeAnnotations(deployment) };
  if (sizeOf(set) === replicas && sameJson(annotations, set.metadata.annotations)) return set;
  return { ...set, metadata: { ...set.metadata, annotations }, spec: { ...set.spec, replicas } };
}

/** Equal but for the label that tells ReplicaSets' Pods apart. */
export function sameTemplate(a: PodTemplateSpec | undefined, b: PodTemplateSpec): boolean {
  return a !== undefined && sameJson(withoutHash(a), withoutHash(b));
}

function withoutHash(template: PodTemplateSpec): PodTemplateSpec {
  const { [hashLabel]: _, ...labels } = template.metadata?.labels ?? {};
  return { ...template, metadata: { ...template.metadata, labels } };
}

function nextRevision(old: readonly ReplicaSet[]): number {
  return Math.max(0, ...old.map(revisionOf)) + 1;
}

function copiedAnnotations({ metadata }: Deployment): Record<string, string> {
  return Object.fromEntries(Object.entries(metadata.annotations ?? {}).filter(([key]) => !notCopied.has(key)));
}

function sizeAnnotations(deployment: Deployment): Record<string, string> {
  const wanted = deployment.spec.replicas ?? 1;
  return { [desiredAnnotation]: String(wanted), [maxAnnotation]: String(wanted + fencesOf(deployment).maxSurge) };
}

/** The oldest revisions are forgotten when the list grows too long. */
function historyWith(history: string | undefined, revision: string): string {
  const all = history ? [...history.split(','), revision] : [revision];
  while (all.length > 1 && all.join(',').length > longestHistory) all.shift();
  return all.join(',');
}
