// Gets and lists by chance, each held against the history.
import assert from 'node:assert/strict';
import { ApiError } from '../../../src/api/error.ts';
import type { ApiRequest, KubeList, RequestOptions, Transport } from '../../../src/api/request.ts';
import type { Chance } from './chance.ts';
import { keyOf, type RecordedHistory } from './history.ts';
import { sorted } from './json.ts';
import type { Json, ModelKind } from './kinds.ts';
import { names, namespaces, someSelection } from './selection.ts';

/** Resolves with a check that is made when all that was written has been recorded. */
export type Read = (transport: Transport) => Promise<() => void>;

const never = new AbortController().signal;
const text = (object: unknown) => JSON.stringify(sorted(object));

/** `floor`: what was before is not known to the server any more. `breathe` lets others go on. */
export function someRead(chance: Chance, kinds: readonly ModelKind[], history: RecordedHistory, floor: number, breathe: () => Promise<void>): Read {
  const kind = chance.of(kinds);
  return chance.oneIn(2) ? someGet(chance, kind, history) : someList(chance, kind, history, floor, breathe);
}

function someGet(chance: Chance, kind: ModelKind, history: RecordedHistory): Read {
  const [namespace, name] = [kind.namespaced ? chance.of(namespaces) : undefined, chance.of(names)];
  const resourceVersion = chance.weighted({ none: 6, zero: 1, known: 1, future: 0.3 });
  const of = { none: undefined, zero: '0', known: String(history.last), future: String(history.last + 100_000) }[resourceVersion];
  const isStatus = kind.hasStatus && chance.oneIn(5);
  return async (transport) => {
    const from = history.last;
    const request: ApiRequest = { verb: 'get', resource: kind.resource, ...(namespace ? { namespace } : {}), name, ...(isStatus ? { subresource: 'status' } : {}), options: of ? { resourceVersion: of } : {} };
    const [object, refusal] = await tried(transport.call<Json>(request, never));
    return () => {
      const words = `get ${kind.kind} ${keyOf(namespace, name)} ${of ?? ''}`;
      if (resourceVersion === 'future') return assert.equal(refusal, '504 Timeout', words);
      const states = history.states(kind, keyOf(namespace, name), from, history.last).map((state) => state.object);
      if (object) assert.ok(states.some((state) => text(state) === text(object)), `${words}: ${text(object)} was never so since ${from}`);
      else assert.ok(refusal === '404 NotFound' && states.includes(undefined), `${words}: ${refusal} though it was there since ${from}`);
    };
  };
}

function someList(chance: Chance, kind: ModelKind, history: RecordedHistory, floor: number, breathe: () => Promise<void>): Read {
  const selection = someSelection(chance, kind);
  const known = () => String(floor + chance.below(history.last - floor + 1));
  const limit = chance.oneIn(2) ? 1 + chance.below(4) : undefined;
  const how = chance.weighted({ newest: 4, zero: 1, notOlder: 1, exact: 3, pages: 2, expired: 0.5, future: 0.3 });
  const start: RequestOptions = {
    newest: {}, zero: { resourceVersion: '0' }, notOlder: { resourceVersion: known(), resourceVersionMatch: 'NotOlderThan' }, exact: { resourceVersion: known(), resourceVersionMatch: 'Exact' },
    pages: { resourceVersion: known() }, expired: { resourceVersion: String(floor - 1), resourceVersionMatch: 'Exact' }, future: { resourceVersion: String(history.last + 100_000) },
  }[how];
  const isExpired = how === 'expired' && floor > history.first;
  const options = how === 'expired' && !isExpired ? {} : start;
  const exact = how === 'exact' || (how === 'pages' && limit) ? Number(options.resourceVersion) : undefined;
  return async (transport) => {
    const from = history.last;
    const request: ApiRequest = { verb: 'list', resource: kind.resource, ...(selection.namespace ? { namespace: selection.namespace } : {}), options: { ...selection.options, ...options, ...(limit ? { limit } : {}) } };
    const pages: KubeList<Json>[] = [];
    let refusal: string | undefined;
    let next: string | undefined;
    do {
      const { resourceVersion: _, resourceVersionMatch: __, ...rest } = request.options;
      const [page, refused] = await tried(transport.call<KubeList<Json>>(next ? { ...request, options: { ...rest, continue: next } } : request, never));
      if (page) pages.push(page);
      refusal = refused;
      next = page?.metadata.continue;
      assert.ok(pages.length < 1000, 'pages come to an end');
      if (next) await breathe();
    } while (next);
    return () => {
      const words = `list ${kind.kind} ${JSON.stringify({ namespace: selection.namespace, ...request.options })}`;
      if (isExpired) return assert.equal(refusal, '410 Expired', words);
      if (how === 'future') return assert.equal(refusal, '504 Timeout', words);
      assert.equal(refusal, undefined, words);
      const revision = Number(pages[0]!.metadata.resourceVersion);
      if (exact !== undefined) assert.equal(revision, exact, `${words}: exactly as of then`);
      else assert.ok(revision >= from && revision <= history.last, `${words}: of ${revision}, which is not between ${from} and ${history.last}`);
      const expected = history.list(kind, revision).filter(selection.matches);
      const items = pages.flatMap((page) => page.items);
      assert.deepEqual(items.map(text), expected.map(text), `${words}: all of revision ${revision}, in ${pages.length} pages`);
      let left = expected.length;
      for (const page of pages) {
        assert.equal(Number(page.metadata.resourceVersion), revision, `${words}: every page of one revision`);
        if (limit) assert.ok(page.items.length === limit || page === pages.at(-1), `${words}: full pages`);
        left -= page.items.length;
        const isSelected = selection.options.labelSelector !== undefined || selection.options.fieldSelector !== undefined;
        assert.equal(page.metadata.remainingItemCount, left > 0 && !isSelected ? left : undefined, `${words}: what remains is told`);
      }
    };
  };
}

export async function tried<T>(answer: Promise<T>): Promise<[T | undefined, string | undefined, ApiError?]> {
  try {
    return [await answer, undefined];
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return [undefined, `${error.code} ${error.reason}`, error];
  }
}
