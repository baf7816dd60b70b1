// The types of CEL, as the checker knows them. `dyn`: only evaluation will tell.

export type Type =
  | { readonly kind: string }
  | { readonly kind: 'list' | 'optional'; readonly of: Type }
  | { readonly kind: 'map'; readonly key: Type; readonly of: Type }
  | { readonly kind: 'object'; readonly name: string; readonly fields: ReadonlyMap<string, Type> }
  /** A letter in a signature that stands for any one type. */
  | { readonly kind: 'letter'; readonly name: string };

export const dyn: Type = { kind: 'dyn' };
export const simple = (kind: string): Type => ({ kind });
export const listOf = (of: Type): Type => ({ kind: 'list', of });
export const mapOf = (key: Type, of: Type): Type => ({ kind: 'map', key, of });
export const optionalOf = (of: Type): Type => ({ kind: 'optional', of });
export const objectOf = (name: string, fields: ReadonlyMap<string, Type>): Type => ({ kind: 'object', name, fields });

export function isObjectType(type: Type): type is Extract<Type, { fields: unknown }> {
  return type.kind === 'object';
}

/** What a list, a map or an optional holds. */
export function heldBy(type: Type): Type {
  return 'of' in type ? type.of : dyn;
}

const publicNames: Readonly<Record<string, string>> = {
  ip: 'net.IP',
  cidr: 'net.CIDR',
  url: 'kubernetes.URL',
  quantity: 'kubernetes.Quantity',
  semver: 'kubernetes.Semver',
  format: 'kubernetes.NamedFormat',
  authorizer: 'kubernetes.authorization.Authorizer',
};

export function showType(type: Type): string {
  switch (type.kind) {
    case 'list': return `list(${showType(heldBy(type))})`;
    case 'optional': return `optional_type(${showType(heldBy(type))})`;
    case 'map': return `map(${showType((type as { key: Type }).key)}, ${showType(heldBy(type))})`;
    case 'object': return (type as { name: string }).name;
    case 'letter': return 'dyn';
    default: return publicNames[type.kind] ?? type.kind;
  }
}

/** `list<A>`, `map<string, dyn>`, `int`. */
export function readType(text: string): Type {
  const trimmed = text.trim();
  const generic = /^(list|optional|map)<(.*)>$/s.exec(trimmed);
  if (generic) {
    const inner = generic[2]!;
    if (generic[1] !== 'map') return { kind: generic[1] as 'list', of: readType(inner) };
    const comma = inner.indexOf(',');
    return mapOf(readType(inner.slice(0, comma)), readType(inner.slice(comma + 1)));
  }
  return /^[A-Z]$/.test(trimmed) ? { kind: 'letter', name: trimmed } : simple(trimmed);
}

/** With which null cannot be compared. */
const neverNull: ReadonlySet<string> = new Set(['int', 'uint', 'double', 'bool', 'string', 'bytes', 'list', 'map', 'type']);

/** Whether a value of type `given` may be where `wanted` is asked for; letters are bound as they are met. */
export function fits(given: Type, wanted: Type, letters: Map<string, Type>): boolean {
  if (wanted.kind === 'letter') {
    const { name } = wanted as { name: string };
    const bound = letters.get(name);
    if (bound && bound.kind !== 'dyn') return given.kind === 'dyn' || fits(given, bound, letters);
    letters.set(name, given);
    return true;
  }
  if (given.kind === 'dyn' || wanted.kind === 'dyn') return true;
  if (given.kind === 'null' || wanted.kind === 'null') return !neverNull.has(given.kind) && !neverNull.has(wanted.kind);
  if (given.kind !== wanted.kind) return false;
  if (given.kind === 'object') return (given as { name: string }).name === (wanted as { name: string }).name;
  if ('key' in given && 'key' in wanted && !fits(given.key, wanted.key, letters)) return false;
  return 'of' in given && 'of' in wanted ? fits(given.of, wanted.of, letters) : true;
}

export function withLetters(type: Type, letters: ReadonlyMap<string, Type>): Type {
  if (type.kind === 'letter') return letters.get((type as { name: string }).name) ?? dyn;
  if ('key' in type) return mapOf(withLetters(type.key, letters), withLetters(type.of, letters));
  return 'of' in type ? { kind: type.kind as 'list', of: withLetters(type.of, letters) } : type;
}

/** One type for values of both. */
export function joined(a: Type, b: Type): Type {
  if (a.kind === 'dyn' || b.kind === 'dyn') return dyn;
  if (a.kind === 'null') return b;
  if (b.kind === 'null') return a;
  return fits(a, b, new Map()) && fits(b, a, new Map()) ? a : dyn;
}
