// componentstatuses: the parts of the control plane are looked at when someone asks; the store among them, under the name that it
// has upstream.
import { ApiError } from '../api/error.ts';
import { componentStatuses, type ComponentStatus } from '../api/kinds/component-status.ts';
import type { Kind } from '../api/kind.ts';
import type { Check } from './http/health.ts';
import type { UnstoredKinds } from './unstored.ts';
import { Encoding } from './watch/item.ts';
import { selectionOf } from './watch/selection.ts';

/** By name, what is wrong with each. */
export type Components = Readonly<Record<string, Check['check']>>;

export function componentStatusKinds(components: Components): UnstoredKinds {
  const kind = componentStatuses as unknown as Kind;
  return {
    '/componentstatuses': {
      async read(registry, { verb, name, options }) {
        const encoding = new Encoding(kind, registry.freeze);
        const selection = selectionOf(kind, undefined, name, options);
        const asked = Object.entries(components).map(async ([component, check]): Promise<ComponentStatus> => {
          const wrong = await check();
          const condition = wrong === undefined ? ({ type: 'Healthy', status: 'True', message: 'ok' } as const) : ({ type: 'Healthy', status: 'False', message: wrong } as const);
          return { kind: kind.kind, apiVersion: 'v1', metadata: { name: component } as ComponentStatus['metadata'], conditions: [condition] };
        });
        const items = (await Promise.all(asked)).map((object) => encoding.item('', object.metadata.name, encoding.value(object), 0, object)).filter((item) => selection.matches(item));
        if (verb === 'list') return { type: 'list', kind, list: { items, revision: registry.cache.revision } };
        const [item] = items;
        if (!item) throw ApiError.notFound(kind, name ?? '');
        return { type: 'item', code: 200, kind, item, warnings: [] };
      },
    },
  };
}
