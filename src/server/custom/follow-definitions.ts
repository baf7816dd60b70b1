// Keeps what is served at what the CustomResourceDefinitions say: within each commit, so that a kind is there in the breath
// in which its definition is established, and gone with it.
import { declareTheSame, isServed, kindsOf } from '../../api/custom/custom-kind.ts';
import { isEstablished } from '../../api/custom/definition.ts';
import { sameJson } from '../../api/meta.ts';
import { customResourceDefinitions } from '../../api/kinds/custom-resource-definition.ts';
import type { Kind } from '../../api/kind.ts';
import type { CustomResourceDefinition } from '../../api/types.ts';
import type { Log } from '../../base/log.ts';
import type { ServedKinds } from '../served-kinds.ts';
import type { Cache } from '../watch/cache.ts';
import { VersionedEncodings } from './versioned-encodings.ts';

interface Declared {
  readonly definition: CustomResourceDefinition;
  readonly served: readonly Kind[];
  readonly encodings: VersionedEncodings;
}

/** Where the cache does not have definitions, nothing is followed. */
export function followDefinitions(cache: Cache, served: ServedKinds, freeze: boolean, log: Log): void {
  if (!cache.has(customResourceDefinitions)) return;
  const declared = new Map<string, Declared>();

  function put(definition: CustomResourceDefinition): void {
    const { name } = definition.metadata;
    const before = declared.get(name);
    if (!before && !isEstablished(definition)) return;
    if (before && (!isEstablished(definition) || declareTheSame(before.definition, definition))) return;
    const kinds = kindsOf(definition);
    const shown = kinds.filter((kind) => isServed(definition, kind));
    if (before) {
      before.encodings.redefine(kinds);
      declared.set(name, { definition, served: shown, encodings: before.encodings });
      served.replace(before.served, shown);
      if (!sameJson(before.definition.spec, definition.spec)) cache.of(kinds[0]!).endWatchers();
      return;
    }
    if (cache.has(kinds[0]!) || shown.some((kind) => served.find(kind))) return log.error('a definition is of what is served already', { name });
    const encodings = new VersionedEncodings(kinds, freeze);
    cache.add(encodings);
    declared.set(name, { definition, served: shown, encodings });
    served.replace([], shown);
  }

  function remove({ metadata: { name } }: CustomResourceDefinition): void {
    const before = declared.get(name);
    if (!before) return;
    declared.delete(name);
    served.replace(before.served, []);
    cache.remove(before.encodings.stored.kind);
  }

  /** One that cannot be understood, though it was accepted, must not end the server. */
  const guarded = (act: (definition: CustomResourceDefinition) => void) => (definition: CustomResourceDefinition) => {
    try {
      act(definition);
    } catch (error) {
      log.error('a definition cannot be served', { name: definition.metadata.name, error });
    }
  };

  const selection = { namespace: undefined, name: undefined, filed: undefined, isWhole: true, matches: () => true };
  for (const definition of cache.list(customResourceDefinitions)) guarded(put)(definition);
  cache.of(customResourceDefinitions).watch(
    {
      selection,
      deliver({ notes }) {
        for (const { type, item } of notes) guarded(type === 'DELETED' ? remove : put)(item.object as CustomResourceDefinition);
      },
    },
    cache.revision,
  );
}
