// Who owns the number of replicas, seen through `scale`: an apply there meets the owners that the parent has, and becomes one of them.
// Semantics: KEP-555, apimachinery pkg/util/managedfields (scale handler).
import { difference, emptySet, fieldSet, leaf, type FieldSet } from './field-set.ts';
import { isSameOwner, type Owner } from './managed-fields.ts';

const inScale = ['spec', 'replicas'];

/** As the book of the Scale. `path`: where the parent has its replicas. */
export function ownersOfScale(ofParent: readonly Owner[], path: readonly string[]): Owner[] {
  return ofParent.filter(({ fields }) => has(fields, path)).map((owner) => ({ ...owner, fields: at(inScale) }));
}

/** The parent's book after an apply to its Scale. `apiVersion`: in which a new owner's field of the parent is named. */
export function ownersAfterScale(ofParent: readonly Owner[], ofScale: readonly Owner[], path: readonly string[], apiVersion: string): Owner[] {
  const now = ofScale.filter(({ fields }) => has(fields, inScale));
  const kept = ofParent.map((owner): Owner => {
    const same = now.find((one) => isSameOwner(one, owner));
    return same ? { ...owner, time: same.time } : { ...owner, fields: difference(owner.fields, at(path)) };
  });
  const added = now.filter((owner) => !ofParent.some((one) => isSameOwner(one, owner))).map((owner) => ({ ...owner, apiVersion, fields: at(path) }));
  return [...kept, ...added];
}

function has(fields: FieldSet, path: readonly string[]): boolean {
  return path.reduce<FieldSet>((set, field) => set.below.get(`f:${field}`) ?? emptySet, fields).member;
}

function at(path: readonly string[]): FieldSet {
  return path.reduceRight<FieldSet>((below, field) => fieldSet(false, [[`f:${field}`, below]]), leaf);
}
