// What the garbage collector has to do about one object, pure.
import { isBeingDeleted } from '../../api/meta.ts';
import type { KubeObject, OwnerReference } from '../../api/types.ts';
import type { GraphNode } from './graph.ts';

export const foreground = 'foregroundDeletion';
export const orphan = 'orphan';

/** How an owner stands: there; gone; or deleted in the foreground, waiting for its dependents to go first. */
export type OwnerState = 'there' | 'gone' | 'waiting';

export type Verdict =
  | { readonly type: 'keep' }
  /** Its dependents are to live on without it. */
  | { readonly type: 'orphan-dependents' }
  /** It waits for its dependents: they are to be deleted. `isFree`: none of them holds it any longer. */
  | { readonly type: 'delete-dependents'; readonly isFree: boolean }
  /** Some owners are left: it only forgets the others. */
  | { readonly type: 'forget-owners'; readonly uids: ReadonlySet<string> }
  /** No owner is left. */
  | { readonly type: 'delete'; readonly policy: 'Background' | 'Foreground' | 'Orphan' };

export function verdictOn(object: KubeObject, owners: readonly { readonly reference: OwnerReference; readonly state: OwnerState }[], dependents: readonly GraphNode[]): Verdict {
  const { finalizers = [], uid } = object.metadata;
  if (isBeingDeleted(object)) {
    if (finalizers.includes(orphan)) return { type: 'orphan-dependents' };
    if (finalizers.includes(foreground)) return { type: 'delete-dependents', isFree: !dependents.some((dependent) => holds(dependent.object, uid)) };
    return { type: 'keep' };
  }
  if (owners.length === 0) return { type: 'keep' };
  const left = owners.filter(({ state }) => state !== 'there');
  if (left.length === 0) return { type: 'keep' };
  if (left.length < owners.length) return { type: 'forget-owners', uids: new Set(left.map(({ reference }) => reference.uid)) };
  if (left.some(({ state }) => state === 'waiting') && dependents.some((dependent) => holds(dependent.object, uid))) return { type: 'delete', policy: 'Foreground' };
  return { type: 'delete', policy: finalizers.includes(orphan) ? 'Orphan' : finalizers.includes(foreground) ? 'Foreground' : 'Background' };
}

/** Deleted in the foreground: what it owns goes first. */
export function isWaiting(object: KubeObject): boolean {
  return isBeingDeleted(object) && (object.metadata.finalizers ?? []).includes(foreground);
}

function holds(dependent: KubeObject, ownerUid: string): boolean {
  return dependent.metadata.ownerReferences?.some(({ uid, blockOwnerDeletion }) => uid === ownerUid && blockOwnerDeletion) ?? false;
}
