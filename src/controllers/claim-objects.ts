// Adoption and release, carried out: what an owner manages after it has taken what its selector matches and let go of the rest.
import { isReason } from '../api/error.ts';
import type { Resource } from '../api/kind.ts';
import { controllerReference, isBeingDeleted } from '../api/meta.ts';
import type { LabelMatcher } from '../api/selectors.ts';
import type { KubeObject } from '../api/types.ts';
import { keyOf, type Client } from '../client/client.ts';
import { adoptionPatch, claim, releasePatch } from './replica-set/claim.ts';

interface Candidates<T> {
  /** Those that have the owner as their controller, and those that nobody manages. */
  readonly managed: readonly T[];
  readonly orphans: readonly T[];
}

/** Gives the objects as they were seen; what was adopted now is as the server answered. */
export async function claimObjects<T extends KubeObject, O extends KubeObject>(client: Client, of: Resource<T>, ownerKind: Resource<O>, owner: O, selector: LabelMatcher, candidates: Candidates<T>, signal: AbortSignal): Promise<readonly T[]> {
  const { owned, adopt, release } = claim(owner, selector, candidates.managed, candidates.orphans);
  await Promise.all(release.map((object) => unlessGone(client.patch(of, keyOf(object), { type: 'merge', body: releasePatch(object) }, signal))));
  if (adopt.length === 0 || !(await isStill(client, ownerKind, owner, signal))) return owned;
  const reference = controllerReference(owner, ownerKind);
  const adopted = await Promise.all(adopt.map((object) => unlessGone(client.patch(of, keyOf(object), { type: 'merge', body: adoptionPatch(object, reference) }, signal))));
  return [...owned, ...adopted.filter((object) => object !== undefined)];
}

/** An owner that was deleted meanwhile must not adopt what its successor will. */
async function isStill<O extends KubeObject>(client: Client, ownerKind: Resource<O>, owner: O, signal: AbortSignal): Promise<boolean> {
  const now = await unlessGone(client.get(ownerKind, keyOf(owner), signal));
  return now?.metadata.uid === owner.metadata.uid && !isBeingDeleted(now);
}

export async function unlessGone<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (isReason(error, 'NotFound')) return undefined;
    throw error;
  }
}
