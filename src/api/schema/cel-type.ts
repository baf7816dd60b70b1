// How expressions see the objects of a kind: by the fields that its schema has.
import { dyn, listOf, mapOf, objectOf, simple, type Type } from '../cel/types.ts';
import { definition, type FieldType, type ScalarName } from './schema.ts';

const scalars: Readonly<Record<ScalarName, Type>> = {
  Time: simple('timestamp'),
  MicroTime: simple('timestamp'),
  Duration: simple('string'),
  Quantity: simple('string'),
  IntOrString: dyn,
  Object: dyn,
};

/** Of a definition such as `io.k8s.api.core.v1.Pod`; dyn for a name that is not known. */
export function celTypeOfDefinition(name: string): Type {
  return typeOfDefinition(name, []);
}

/** `above`: the definitions that this one is in. One that holds itself is dyn the second time. */
function typeOfDefinition(name: string, above: readonly string[]): Type {
  const found = definition(name);
  if (!found || above.includes(name)) return dyn;
  if ('scalar' in found) return scalars[found.scalar];
  return objectOf(name, new Map(Object.entries(found.properties).map(([field, type]) => [field, typeOfField(type, [...above, name])])));
}

function typeOfField(field: FieldType, above: readonly string[]): Type {
  switch (field.type) {
    case 'int32': case 'int64': return simple('int');
    case 'string': case 'double': case 'bytes': return simple(field.type);
    case 'boolean': return simple('bool');
    case 'array': return listOf(typeOfField(field.items, above));
    case 'map': return mapOf(simple('string'), typeOfField(field.values, above));
    case 'ref': return typeOfDefinition(field.name, above);
    default: return dyn;
  }
}
