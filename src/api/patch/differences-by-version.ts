// How two objects of one version of their kind differ, in the words of any of its versions.
import type { Shaped } from '../schema/schema.ts';
import { differences, type FieldsChanged } from './field-walk.ts';

/** The kind that a write speaks of. */
export interface Of extends Shaped {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  /** False: it has no endpoint of its own for its status. */
  readonly hasStatus?: boolean;
  /** Fills in, in place, what the object leaves open. */
  readonly defaults?: (draft: never) => void;
}

/** To another version of the kind, and back. */
export interface Turn {
  readonly of: Shaped;
  there(object: object): object;
  back(object: object): object;
}

export interface TrackOptions {
  /** Who writes. An apply cannot do without. */
  readonly fieldManager?: string;
  /** '' or undefined: the object itself. */
  readonly subresource?: string;
  /** For the times in managedFields, which have none without it. */
  readonly nowMs?: number;
  /** How objects come to other versions of their kind; absent: there are none, or they have the same fields. */
  readonly turning?: (apiVersion: string) => Turn | undefined;
}

export function apiVersionOf({ group, version }: Pick<Of, 'group' | 'version'>): string {
  return group ? `${group}/${version}` : version;
}

/** Each version is compared once, when it is first asked for. */
export function turnedDifferences(of: Of, before: object | undefined, after: object, { subresource = '', turning }: TrackOptions): (apiVersion: string) => FieldsChanged | undefined {
  const scope = { hasStatus: of.hasStatus ?? true, subresource };
  const own = differences(of, before, after, scope);
  if (!turning) return () => own;
  const ownVersion = apiVersionOf(of);
  const known = new Map<string, FieldsChanged | undefined>();
  return (apiVersion) => {
    if (apiVersion === ownVersion || known.has(apiVersion)) return apiVersion === ownVersion ? own : known.get(apiVersion);
    const turn = turning(apiVersion);
    const found = turn ? differences(turn.of, before && turn.there(before), turn.there(after), scope) : own;
    known.set(apiVersion, found);
    return found;
  };
}
