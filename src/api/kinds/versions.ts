// Kinds that are served in several versions: the stored one, and those that are forms of it.
import type { Kind } from '../kind.ts';
import type { Turn } from '../patch/differences-by-version.ts';
import type { KubeObject } from '../types.ts';
import { unstoredKinds } from './index.ts';

const others = Map.groupBy(
  unstoredKinds.filter(({ storedAs }) => storedAs),
  ({ storedAs }) => `${storedAs!.resource.group}/${storedAs!.resource.plural}`,
);

/** The other forms in which objects of a stored kind are served. */
export function otherVersions({ group, plural }: Kind): readonly Kind[] {
  return others.get(`${group}/${plural}`) ?? none;
}

const none: readonly Kind[] = [];

/** An object of one form of the kind in another one. */
export function inVersion(stored: Kind, from: Kind, object: KubeObject, to: Kind): KubeObject {
  if (from === to) return object;
  const asStored = from.storedAs ? from.storedAs.toStored(object) : object;
  return to === stored ? asStored : to.storedAs!.fromStored(asStored);
}

/** For server-side apply, where owners may have spoken in other versions than the one at hand; undefined: there is one only. */
export function turningOf(stored: Kind, own: Kind): ((apiVersion: string) => Turn | undefined) | undefined {
  const versions = otherVersions(stored);
  if (versions.length === 0) return undefined;
  return (apiVersion) => {
    const of = [stored, ...versions].find(({ group, version }) => (group ? `${group}/${version}` : version) === apiVersion);
    return of && { of, there: (object) => inVersion(stored, own, object as KubeObject, of), back: (object) => inVersion(stored, of, object as KubeObject, own) };
  };
}
