// What a CustomResourceDefinition says, and how it stands, as plain functions of it.
import type { Resource } from '../kind.ts';
import { conditionOf } from '../meta.ts';
import type { CustomResourceDefinition } from '../types.ts';

export type DefinedVersion = CustomResourceDefinition['spec']['versions'][number];

export function storageVersionOf({ spec }: CustomResourceDefinition): DefinedVersion | undefined {
  return spec.versions.find(({ storage }) => storage);
}

export function isEstablished({ status }: CustomResourceDefinition): boolean {
  return conditionOf(status.conditions as never, 'Established')?.status === 'True';
}

/** Its objects are being deleted, and it will go when they have gone. */
export function isTerminating({ status }: CustomResourceDefinition): boolean {
  return conditionOf(status.conditions as never, 'Terminating')?.status === 'True';
}

/**
 * The collection of a definition's objects, as a client asks for it: in the version that is stored, or else in one that is
 * served. Undefined while nothing is served.
 */
export function resourceOf(definition: CustomResourceDefinition): Resource | undefined {
  if (!isEstablished(definition)) return undefined;
  const { group, names, scope, versions } = definition.spec;
  const version = versions.find(({ storage, served }) => storage && served) ?? versions.find(({ served }) => served);
  return version && { group, version: version.name, plural: names.plural, kind: names.kind, namespaced: scope === 'Namespaced' };
}
