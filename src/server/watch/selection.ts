// Which objects of a kind a request means: by namespace, name, labels and fields.
import type { Kind } from '../../api/kind.ts';
import type { RequestOptions } from '../../api/request.ts';
import { fieldMatcher, parseLabelSelector } from '../../api/selectors.ts';
import type { Item } from './item.ts';

export interface Selection {
  /** Undefined: all namespaces, or none. */
  readonly namespace: string | undefined;
  /** The one name that can match, if there is just one. */
  readonly name: string | undefined;
  /** The one value that the field by which the kind is filed can have, if there is just one. */
  readonly filed: string | undefined;
  /** True: nothing but the namespace decides. */
  readonly isWhole: boolean;
  matches(item: Item): boolean;
}

/** Throws ApiError BadRequest for a selector that cannot be read. */
export function selectionOf(kind: Kind, namespace: string | undefined, name: string | undefined, options: RequestOptions): Selection {
  if (!options.labelSelector && !options.fieldSelector && name === undefined) {
    return { namespace, name, filed: undefined, isWhole: true, matches: namespace === undefined ? () => true : (item) => item.namespace === namespace };
  }
  const labels = parseLabelSelector(options.labelSelector);
  const fields = fieldMatcher(kind, options.fieldSelector);
  return {
    namespace,
    name: name ?? fields.exact('metadata.name'),
    filed: kind.filedBy === undefined ? undefined : fields.exact(kind.filedBy),
    isWhole: false,
    matches: (item) =>
      (namespace === undefined || item.namespace === namespace) &&
      (name === undefined || item.name === name) &&
      (labels.isEmpty || labels.matches(item.object.metadata.labels)) &&
      (fields.isEmpty || fields.matches(item.object)),
  };
}
