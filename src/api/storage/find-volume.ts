// Which volume a claim gets, pure: one that is kept for it, else the smallest that is large enough.
import { compareQuantities, quantity, type Quantity } from '../quantity.ts';
import { labelSelectorOf } from '../selectors.ts';
import type { Node, PersistentVolume, PersistentVolumeClaim } from '../types.ts';
import { isBeingDeleted } from '../meta.ts';
import { classNameOf } from './classes.ts';
import { isVolumeOf, modeOf } from './claims.ts';
import { reachesNode } from './topology.ts';

export interface Search {
  /** Where the volume must be reachable from; absent: that does not matter yet. */
  readonly node?: Pick<Node, 'metadata'>;
  /** Only volumes that are kept for the claim: the others wait until its Pod has a node. */
  readonly onlyKept?: boolean;
  /** Volumes that others have been promised, by name. */
  readonly taken?: ReadonlySet<string>;
}

export function findVolume(claim: PersistentVolumeClaim, volumes: readonly PersistentVolume[], { node, onlyKept = false, taken }: Search = {}): PersistentVolume | undefined {
  const selector = claim.spec.selector ? labelSelectorOf(claim.spec.selector) : undefined;
  const wanted = sizeOf(claim.spec.resources?.requests);
  const className = classNameOf(claim);
  let best: PersistentVolume | undefined;
  for (const volume of volumes) {
    if (taken?.has(volume.metadata.name) || isBeingDeleted(volume) || modeOf(volume) !== modeOf(claim)) continue;
    const size = sizeOf(volume.spec.capacity);
    if (isVolumeOf(volume, claim)) {
      if (compareQuantities(size, wanted) < 0 || (node && !reachesNode(volume, node))) continue;
      return volume;
    }
    if (onlyKept || volume.spec.claimRef || volume.status.phase !== 'Available') continue;
    if (compareQuantities(size, wanted) < 0 || classNameOf(volume) !== className) continue;
    if (selector && !selector.matches(volume.metadata.labels)) continue;
    if (!allowsModes(volume, claim) || (node && !reachesNode(volume, node))) continue;
    if (!best || compareQuantities(size, sizeOf(best.spec.capacity)) < 0) best = volume;
  }
  return best;
}

/** Why the volume that a claim names cannot be its own; undefined: it can. */
export function mismatch(volume: PersistentVolume, claim: PersistentVolumeClaim): string | undefined {
  if (isBeingDeleted(volume)) return 'volume is being deleted';
  if (compareQuantities(sizeOf(volume.spec.capacity), sizeOf(claim.spec.resources?.requests)) < 0) return 'requested PV is too small';
  if (classNameOf(volume) !== classNameOf(claim)) return 'storageClassName does not match';
  if (modeOf(volume) !== modeOf(claim)) return 'incompatible volumeMode';
  return allowsModes(volume, claim) ? undefined : 'incompatible accessMode';
}

function allowsModes(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  return (claim.spec.accessModes ?? []).every((mode) => volume.spec.accessModes?.includes(mode));
}

const nothing: Quantity = { nano: 0n, format: 'BinarySI' };

export function sizeOf(amounts: Readonly<Record<string, string>> | undefined): Quantity {
  return amounts?.storage === undefined ? nothing : quantity(amounts.storage);
}
