// The history of a template: one ControllerRevision for each version that a StatefulSet or DaemonSet had.
import { isReason } from '../api/error.ts';
import { controllerRevisions } from '../api/kinds/controller-revision.ts';
import type { Resource } from '../api/kind.ts';
import type { ObjectKey } from '../api/request.ts';
import { canonicalJson, controllerOf, controllerReference, isControlledBy, templateHash } from '../api/meta.ts';
import type { ControllerRevision, KubeObject, PodTemplateSpec } from '../api/types.ts';
import { keyOf, type Client } from '../client/client.ts';
import type { IndexFunctions } from '../client/informer.ts';

export const revisionIndexes = {
  controller: (revision: ControllerRevision) => {
    const owner = controllerOf(revision);
    return owner ? [owner.uid] : [];
  },
  orphan: (revision: ControllerRevision) => (controllerOf(revision) ? [] : [revision.metadata.namespace ?? '']),
} satisfies IndexFunctions<ControllerRevision>;

export type Owner = KubeObject & { readonly spec: { readonly template?: PodTemplateSpec; readonly revisionHistoryLimit?: number } };

export type RevisionStep =
  /** The newest one says what the template says. */
  | { readonly type: 'keep'; readonly revision: ControllerRevision }
  /** An older one does: going back makes it the newest. */
  | { readonly type: 'renumber'; readonly revision: ControllerRevision; readonly number: number }
  | { readonly type: 'create'; readonly number: number };

/** `revisions` in their order, as `inOrder` gives it. */
export function planRevision(template: PodTemplateSpec | undefined, revisions: readonly ControllerRevision[]): RevisionStep {
  const newest = revisions.at(-1);
  const number = (newest?.revision ?? 0) + 1;
  const same = revisions.filter((revision) => isOf(revision, template));
  const found = same.at(-1);
  if (!found) return { type: 'create', number };
  return found === newest ? { type: 'keep', revision: found } : { type: 'renumber', revision: found, number };
}

export function inOrder(revisions: readonly ControllerRevision[]): readonly ControllerRevision[] {
  return revisions.toSorted(
    (a, b) => a.revision - b.revision || (a.metadata.creationTimestamp < b.metadata.creationTimestamp ? -1 : a.metadata.creationTimestamp > b.metadata.creationTimestamp ? 1 : a.metadata.name < b.metadata.name ? -1 : 1),
  );
}

/** The patch that brings an owner back to the template: kubectl sends it as it stands. */
export function revisionData(template: PodTemplateSpec | undefined): object {
  return { spec: { template: { ...template, $patch: 'replace' } } };
}

export function templateOf({ data }: ControllerRevision): PodTemplateSpec {
  const { $patch: _, ...template } = (data as { spec: { template: PodTemplateSpec & { $patch?: string } } }).spec.template;
  return template;
}

export function isOf(revision: ControllerRevision, template: PodTemplateSpec | undefined): boolean {
  return canonicalJson(revision.data) === canonicalJson(revisionData(template));
}

export function hashOf(revision: ControllerRevision): string {
  return revision.metadata.labels?.[hashLabel] ?? '';
}

const hashLabel = 'controller.kubernetes.io/hash';
const longestPrefix = 223;

/** Carries a plan out: the revision as it is now, and how often a name was taken by another template. */
export async function writeRevision<T extends Owner>(client: Client, of: Resource<T>, owner: T, step: RevisionStep, collisions: number, signal: AbortSignal): Promise<{ revision: ControllerRevision; collisions: number }> {
  if (step.type === 'keep') return { revision: step.revision, collisions };
  if (step.type === 'renumber') return { revision: await client.update(controllerRevisions, { ...step.revision, revision: step.number }, signal), collisions };
  const { template } = owner.spec;
  const data = revisionData(template);
  for (let taken = collisions; ; taken++) {
    const hash = templateHash(data, taken);
    const metadata = {
      name: `${owner.metadata.name.slice(0, longestPrefix)}-${hash}`,
      namespace: owner.metadata.namespace,
      labels: { ...template?.metadata?.labels, [hashLabel]: hash },
      annotations: owner.metadata.annotations,
      ownerReferences: [controllerReference(owner, of)],
    };
    try {
      return { revision: await client.create(controllerRevisions, { metadata, data, revision: step.number }, signal), collisions: taken };
    } catch (error) {
      if (!isReason(error, 'AlreadyExists')) throw error;
      const there = await client.get(controllerRevisions, { namespace: metadata.namespace ?? '', name: metadata.name }, signal);
      // Ours, made a moment ago and not seen yet; or another's with the same hash.
      if (isControlledBy(there, owner) && isOf(there, template)) return { revision: there, collisions: taken };
    }
  }
}

/** Whose revision has come to be seen, for those who wait for that. */
export function newRevisionOf(kind: string): (before: ControllerRevision | undefined, after: ControllerRevision | undefined) => readonly ObjectKey[] {
  return (_, after) => {
    const controller = after && controllerOf(after);
    return controller?.kind === kind ? [{ namespace: after!.metadata.namespace ?? '', name: controller.name }] : [];
  };
}

/** Of those that nothing uses any more, the oldest above the limit. */
export function outlived(revisions: readonly ControllerRevision[], live: ReadonlySet<string>, limit: number): readonly ControllerRevision[] {
  const idle = revisions.filter(({ metadata }) => !live.has(metadata.name));
  return idle.slice(0, Math.max(0, idle.length - limit));
}

export async function forget(client: Client, revisions: readonly ControllerRevision[], signal: AbortSignal): Promise<void> {
  for (const revision of revisions) {
    await client.delete(controllerRevisions, keyOf(revision), { preconditions: { uid: revision.metadata.uid } }, signal).catch((error: unknown) => {
      if (!isReason(error, 'NotFound', 'Conflict')) throw error;
    });
  }
}
