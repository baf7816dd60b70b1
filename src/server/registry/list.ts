// GET of a collection: whole, by selectors, in pages, now or as it was at a revision.
import { ApiError, type FieldCause } from '../../api/error.ts';
import type { Kind } from '../../api/kind.ts';
import type { RequestOptions } from '../../api/request.ts';
import type { Status } from '../../api/types.ts';
import type { Revision } from '../../store/store.ts';
import type { Item } from '../watch/item.ts';
import { TooOld, type KindCache } from '../watch/kind-cache.ts';
import { forbidden, invalidListOptions, revisionOf } from '../watch/resource-version.ts';
import { selectionOf, type Selection } from '../watch/selection.ts';
import type { ItemList, Registry } from './registry.ts';

export function list(registry: Registry, kind: Kind, namespace: string | undefined, name: string | undefined, options: RequestOptions): ItemList {
  checkListOptions(options);
  const cache = registry.cache.of(kind);
  const selection = selectionOf(kind, namespace, name, options);
  const { limit = 0 } = options;
  const from = options.continue ? readToken(options.continue) : undefined;
  const at = from ? (from.revision < 0 ? undefined : from.revision) : snapshotOf(options, registry.cache.revision);
  const revision = at ?? registry.cache.revision;
  const isNow = at === undefined || at === registry.cache.revision;
  if (limit > 0 && isNow && selection.isWhole) {
    const { items, remaining } = cache.page(selection, from?.after, limit);
    return remaining === 0 ? { items, revision } : { items, revision, continue: writeToken({ revision, after: items.at(-1)!.sortKey }), remainingItemCount: remaining };
  }
  const items = isNow ? cache.list(selection) : listAt(cache, selection, at, from?.after);
  const rest = from ? items.slice(firstAfter(items, from.after)) : items;
  if (limit > 0 && rest.length > limit) {
    const page = rest.slice(0, limit);
    return {
      items: page,
      revision,
      continue: writeToken({ revision, after: page.at(-1)!.sortKey }),
      // With selectors the number of those left is not known upstream, and is left out.
      ...(options.labelSelector || options.fieldSelector ? {} : { remainingItemCount: rest.length - limit }),
    };
  }
  return { items: rest, revision };
}

/** Throws ApiError as the API server does for combinations that make no sense. */
function checkListOptions({ resourceVersion, resourceVersionMatch, continue: token, limit, sendInitialEvents }: RequestOptions): void {
  const causes: FieldCause[] = [];
  if (limit !== undefined && limit < 0) causes.push({ reason: 'FieldValueInvalid', field: 'limit', message: `Invalid value: ${limit}: must be greater than or equal to 0` });
  if (resourceVersionMatch) {
    if (!resourceVersion) causes.push(forbidden('resourceVersionMatch', 'resourceVersionMatch is forbidden unless resourceVersion is provided'));
    if (token) causes.push(forbidden('resourceVersionMatch', 'resourceVersionMatch is forbidden when continue is provided'));
    if (resourceVersionMatch !== 'Exact' && resourceVersionMatch !== 'NotOlderThan') {
      causes.push({ reason: 'FieldValueNotSupported', field: 'resourceVersionMatch', message: `Unsupported value: ${JSON.stringify(resourceVersionMatch)}: supported values: "Exact", "NotOlderThan", ""` });
    }
    if (resourceVersionMatch === 'Exact' && resourceVersion === '0') causes.push(forbidden('resourceVersionMatch', 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'));
  }
  if (sendInitialEvents !== undefined) causes.push(forbidden('sendInitialEvents', 'sendInitialEvents is forbidden for list'));
  if (causes.length > 0) throw invalidListOptions(causes);
  if (token && resourceVersion && resourceVersion !== '0') throw ApiError.badRequest('specifying resource version is not allowed when using continue');
}

/** The revision that is insisted on; undefined: now will do. */
function snapshotOf({ resourceVersion, resourceVersionMatch, limit }: RequestOptions, newest: Revision): Revision | undefined {
  const revision = revisionOf(resourceVersion, newest);
  // Without a match, a limit asks for exactly that revision: how pages were asked for before there were matches.
  return resourceVersionMatch === 'Exact' || (!resourceVersionMatch && limit) ? revision : undefined;
}

function listAt(cache: KindCache, selection: Selection, at: Revision, after: string | undefined): readonly Item[] {
  try {
    return cache.listAt(selection, at);
  } catch (error) {
    if (!(error instanceof TooOld)) throw error;
    throw after === undefined ? ApiError.expired('The resourceVersion for the provided list is too old.') : expiredToken(after);
  }
}

interface Token {
  /** The snapshot that is paged through; -1: now will do. */
  readonly revision: Revision;
  /** The last item's `namespace/name`. */
  readonly after: string;
}

function writeToken({ revision, after }: Token): string {
  return Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv: revision, start: `${after}\0` })).toString('base64url');
}

function readToken(text: string): Token {
  try {
    const { v, rv, start } = JSON.parse(Buffer.from(text, 'base64url').toString()) as Record<string, unknown>;
    if (v === 'meta.k8s.io/v1' && Number.isInteger(rv) && typeof start === 'string' && start.endsWith('\0')) return { revision: rv as number, after: start.slice(0, -1) };
  } catch {
    // said below
  }
  throw ApiError.badRequest('continue key is not valid: the token was not made by this server');
}

/** The way out is a token that goes on from here, on the list as it is now. */
function expiredToken(after: string): ApiError {
  const message =
    'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, ' +
    'or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an ' +
    'inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.';
  return new ApiError(410, 'Expired', message, undefined, { listMeta: { continue: writeToken({ revision: -1, after }) } as Status['metadata'] });
}

function firstAfter(items: readonly Item[], key: string): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (items[middle]!.sortKey <= key) low = middle + 1;
    else high = middle;
  }
  return low;
}
