// What upstream's types always have, since it is a struct in them and no pointer: a client may leave a spec out, or patch it away, and
// all rules of the kind may still look into it. It is shown, too: as `{}`.
import type { Kind } from '../../api/kind.ts';
import { structOf } from '../../api/schema/schema.ts';
import type { KubeObject } from '../../api/types.ts';

const fields = ['spec', 'roleRef'] as const;
const known = new WeakMap<Kind, readonly string[]>();

export function fillStructs(kind: Kind, draft: KubeObject, ofStatus: boolean): void {
  if (kind.custom) return;
  let own = known.get(kind);
  if (!own) {
    const properties = structOf(kind.schemaName)?.properties ?? {};
    known.set(kind, (own = fields.filter((field) => Object.hasOwn(properties, field))));
  }
  const object = draft as unknown as Record<string, unknown>;
  for (const field of own) object[field] ??= {};
  if (ofStatus) object['status'] ??= {};
}
