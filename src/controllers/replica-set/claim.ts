// Which Pods belong to an owner: it adopts those that its selector matches and nobody manages, and lets go of those
// that it manages but no longer matches.
import { controllerOf, isBeingDeleted, isPodActive } from '../../api/meta.ts';
import type { LabelMatcher } from '../../api/selectors.ts';
import type { KubeObject, OwnerReference } from '../../api/types.ts';

export interface Claim<T> {
  readonly owned: readonly T[];
  readonly adopt: readonly T[];
  readonly release: readonly T[];
}

/** `managed` have the owner as their controller, `orphans` nobody. */
export function claim<T extends KubeObject>(owner: KubeObject, selector: LabelMatcher, managed: readonly T[], orphans: readonly T[]): Claim<T> {
  const matches = (object: T) => selector.matches(object.metadata.labels);
  if (isBeingDeleted(owner)) return { owned: managed.filter(matches), adopt: [], release: [] };
  return {
    owned: managed.filter(matches),
    adopt: orphans.filter((object) => matches(object) && !isBeingDeleted(object) && isActive(object)),
    release: managed.filter((object) => !matches(object) && !isBeingDeleted(object)),
  };
}

/** A merge patch that only applies to the very object that was seen. */
export function adoptionPatch(object: KubeObject, reference: OwnerReference): object {
  return ownersPatch(object, [...(object.metadata.ownerReferences ?? []), reference]);
}

export function releasePatch(object: KubeObject): object {
  const controller = controllerOf(object);
  return ownersPatch(object, (object.metadata.ownerReferences ?? []).filter(({ uid }) => uid !== controller?.uid));
}

function ownersPatch({ metadata }: KubeObject, ownerReferences: readonly OwnerReference[]): object {
  return { metadata: { uid: metadata.uid, resourceVersion: metadata.resourceVersion, ownerReferences } };
}

/** Of kinds that have no phase, all are. */
function isActive(object: KubeObject): boolean {
  return !('status' in object) || isPodActive(object as never);
}
