// Removes, in place, what a structural schema does not know. What it preserves on purpose stays; so does what every object
// has (apiVersion, kind, metadata), at the root and in resources that are embedded.
import { checkFields } from '../schema/check-fields.ts';
import { isObject } from '../patch/json.ts';
import { isEmbedded, itemsOf, preserves, propertyOf, under, valuesOf, type JsonSchema } from './json-schema.ts';

export interface Pruned {
  /** Paths of what was removed, in the order of the object. */
  readonly unknown: string[];
  readonly typeErrors: string[];
}

const ofEveryResource: ReadonlySet<string> = new Set(['apiVersion', 'kind', 'metadata']);
const objectMeta = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta';

export function prune(object: object, schema: JsonSchema): Pruned {
  const pruned: Pruned = { unknown: [], typeErrors: [] };
  pruneValue(object, schema, true, '', pruned);
  return pruned;
}

function pruneValue(value: unknown, schema: JsonSchema, isResource: boolean, path: string, pruned: Pruned): void {
  if (typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) {
    const items = itemsOf(schema);
    if (items) for (let i = 0; i < value.length; i++) pruneValue(value[i], items, isEmbedded(items), `${path}[${i}]`, pruned);
    return;
  }
  const object = value as Record<string, unknown>;
  if (isResource) pruneMetadata(object, path, pruned);
  const values = valuesOf(schema);
  const keepsOthers = preserves(schema) || schema.additionalProperties === true;
  for (const name in object) {
    if (isResource && ofEveryResource.has(name)) continue;
    const of = propertyOf(schema, name) ?? values;
    if (of) pruneValue(object[name], of, isEmbedded(of), under(path, name), pruned);
    else if (!keepsOthers) {
      pruned.unknown.push(under(path, name));
      delete object[name];
    }
  }
}

/** Metadata has a schema of its own, whatever is written in a definition. */
function pruneMetadata(object: Record<string, unknown>, path: string, pruned: Pruned): void {
  const { metadata } = object;
  if (metadata === undefined) return;
  if (metadata === null) {
    delete object['metadata'];
    return;
  }
  if (!isObject(metadata)) {
    if (path === '') pruned.typeErrors.push(`json: cannot unmarshal ${Array.isArray(metadata) ? 'array' : typeof metadata} into Go struct field .metadata of type v1.ObjectMeta`);
    return; // in an embedded resource it is for validation to say
  }
  const { unknown, typeErrors } = checkFields(objectMeta, metadata);
  for (const name of unknown) pruned.unknown.push(under(under(path, 'metadata'), name));
  pruned.typeErrors.push(...typeErrors);
}
