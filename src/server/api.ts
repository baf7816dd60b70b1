// The API without any wire: finds the kind that a request means, asks whether its sender may, and has the registry do it.
// Both LocalTransport and http/ come through here, so both are held to the same rules.
import { ApiError } from '../api/error.ts';
import type { Kind, Subresource, UserInfo } from '../api/kind.ts';
import type { ApiRequest, ResourceName } from '../api/request.ts';
import type { KubeObject } from '../api/types.ts';
import type { Authorize } from './auth/access.ts';
import { create } from './registry/create.ts';
import { deleteCollection, deleteOne } from './registry/delete.ts';
import { list } from './registry/list.ts';
import { patch } from './registry/patch.ts';
import { get, itemAnswer, type Answer, type Body, type Registry, type WriteRequest } from './registry/registry.ts';
import { readSubresource, writeSubresource } from './registry/subresource.ts';
import { update } from './registry/update.ts';
import type { ServedKinds } from './served-kinds.ts';
import { shownAnswer, shownAs, shownSink } from './registry/versions.ts';
import { revisionOf } from './watch/resource-version.ts';
import type { UnstoredKinds } from './unstored.ts';
import { View } from './view.ts';
import type { Item } from './watch/item.ts';
import { watch, type WatchSink } from './watch/watching.ts';

/** What a subresource answers that is no write of its parent; by names as `serviceaccounts/token`. */
export type SubresourceAnswer = (registry: Registry, request: WriteRequest, subresource: Subresource<KubeObject>) => Promise<Answer>;

export class Api {
  readonly registry: Registry;
  readonly #authorize: Authorize;
  readonly #answers: Readonly<Record<string, SubresourceAnswer>>;
  readonly #unstored: UnstoredKinds;
  readonly #served: ServedKinds;
  readonly #views = new Map<Kind, View>();

  constructor(registry: Registry, served: ServedKinds, authorize: Authorize, answers: Readonly<Record<string, SubresourceAnswer>> = {}, unstored: UnstoredKinds = {}) {
    this.registry = registry;
    this.#authorize = authorize;
    this.#answers = answers;
    this.#unstored = unstored;
    this.#served = served;
    for (const kind of served.all) if (kind.storedAs) this.#views.set(kind, new View(kind, this.kindOf(kind.storedAs.resource), registry.freeze));
  }

  /** Throws ApiError when there is no such collection. */
  kindOf(resource: ResourceName): Kind {
    const kind = this.#served.find(resource);
    if (!kind) throw ApiError.noSuchResource();
    return kind;
  }

  /** Get and list: what is stored is answered from the cache, at once. */
  read(request: ApiRequest, user: UserInfo): Answer | Promise<Answer> {
    const kind = this.#enter(request, user);
    if (kind.storedAs) return this.#readView(this.#views.get(kind)!, request);
    if (kind.verbs) return this.#unstored[`${kind.group}/${kind.plural}`]!.read!(this.registry, request, user);
    return this.#readStored(kind, request);
  }

  #readView(view: View, request: ApiRequest): Answer {
    return view.answer(this.#readStored(view.stored, { ...request, options: view.options(request.options) }) as Answer); // views are of our own kinds
  }

  /** In the version that is asked for, which need not be the one that is stored. */
  #readCustom(kind: Kind, namespace: string | undefined, { verb, name, subresource, options }: ApiRequest): Answer | Promise<Answer> {
    if (verb === 'list') return shownAnswer(this.registry, kind, list(this.registry, kind, namespace, name, options));
    const answerWith = (item: Item): Answer => {
      if (subresource === undefined || isStatusOf(kind, subresource)) return itemAnswer(kind, item);
      return readSubresource(kind, subresourceOf(kind, subresource, 'get'), item);
    };
    const item = shownAs(this.registry, kind, get(this.registry, kind, namespace ?? '', name!));
    return item instanceof Promise ? item.then(answerWith) : answerWith(item);
  }

  #readStored(kind: Kind, request: ApiRequest): Answer | Promise<Answer> {
    const { name, subresource, options } = request;
    const namespace = namespaceOf(kind, request);
    // What is here is the newest there is: a get asks for no more than that its revision has come.
    if (request.verb === 'get' && options.resourceVersion) revisionOf(options.resourceVersion, this.registry.cache.revision);
    if (kind.custom) return this.#readCustom(kind, namespace, request);
    if (request.verb === 'list') return { type: 'list', kind, list: list(this.registry, kind, namespace, name, options) };
    const item = get(this.registry, kind, namespace ?? '', name!);
    if (subresource === undefined || isStatusOf(kind, subresource)) return itemAnswer(kind, item);
    return readSubresource(kind, subresourceOf(kind, subresource, 'get'), item);
  }

  async write(request: ApiRequest, body: Body, user: UserInfo): Promise<Answer> {
    const warnings: string[] = [];
    const answer = await this.#answerTo(request, body, user, warnings);
    return warnings.length === 0 || answer.type === 'list' ? answer : { ...answer, warnings: [...answer.warnings, ...warnings] };
  }

  async #answerTo(request: ApiRequest, body: Body, user: UserInfo, warnings: string[]): Promise<Answer> {
    const kind = this.#enter(request, user);
    const view = this.#views.get(kind);
    const write = this.#writeRequest(kind, request, body, user, warnings);
    if (view) return view.answer(await this.#perform(view.stored, request, view.write(write, request.verb)));
    return this.#perform(kind, request, write);
  }

  #perform(kind: Kind, request: ApiRequest, write: WriteRequest): Answer | Promise<Answer> {
    return kind.verbs ? this.#unstored[`${kind.group}/${kind.plural}`]!.create!(this.registry, write) : this.#write(kind, request, write);
  }

  #writeRequest(kind: Kind, request: ApiRequest, body: Body, user: UserInfo, warnings: string[]): WriteRequest {
    const { name = '', subresource, options, patchType, annotate, waited } = request;
    return { kind, namespace: namespaceOf(kind, request) ?? '', name, subresource, options, body, patchType, user, warnings, annotate, waited };
  }

  async #write(kind: Kind, { verb, subresource }: ApiRequest, write: WriteRequest): Promise<Answer> {
    if (subresource !== undefined && !isStatusOf(kind, subresource)) {
      if (verb === 'delete' || verb === 'deletecollection') throw ApiError.methodNotAllowed(kind, 'delete');
      const through = subresourceOf(kind, subresource, verb);
      const answer = this.#answers[`${kind.plural}/${subresource}`];
      if (answer) return answer(this.registry, write, through);
      return verb === 'patch' ? patch(this.registry, write, through) : writeSubresource(this.registry, write, through, verb === 'create');
    }
    switch (verb) {
      case 'create':
        if (subresource) throw ApiError.methodNotAllowed(kind, 'create');
        return create(this.registry, write);
      case 'update':
        return update(this.registry, write);
      case 'patch':
        return patch(this.registry, write);
      case 'delete':
        return deleteOne(this.registry, write);
      case 'deletecollection':
        return deleteCollection(this.registry, write);
      default:
        throw ApiError.methodNotAllowed(kind, verb);
    }
  }

  /** Tells `sink` until disposed; the first batches come before this returns. */
  watch(request: ApiRequest, user: UserInfo, sink: WatchSink): Disposable {
    const kind = this.#enter(request, user);
    const view = this.#views.get(kind);
    const { cache, clock } = this.registry;
    if (view) return watch(cache, clock, view.stored, namespaceOf(kind, request), request.name, view.options(request.options), view.sink(sink));
    return watch(cache, clock, kind, namespaceOf(kind, request), request.name, request.options, kind.custom ? shownSink(this.registry, kind, sink) : sink);
  }

  /**
   * Whether the user may open a stream to the object, which must be there and its kind have such a stream. `name`: its name, where
   * the request has more in that place (`https:web:443`).
   */
  connect(request: ApiRequest, user: UserInfo, name = request.name ?? ''): { readonly kind: Kind; readonly object: KubeObject } {
    const kind = this.#enter(request, user);
    if (!request.subresource || !kind.connects?.includes(request.subresource)) throw ApiError.noSuchResource();
    return { kind, object: get(this.registry, kind, namespaceOf(kind, request) ?? '', name).object };
  }

  /** Throws ApiError unless the user may do this with what another server serves. */
  enterElsewhere({ verb, resource, subresource, namespace, name }: ApiRequest, user: UserInfo): void {
    const decision = this.#authorize({ user, verb, resource, subresource, namespace, name });
    if (!decision.allowed) throw ApiError.forbidden(resource, name ?? '', decision.why);
  }

  /** Whose objects a request is about. Throws ApiError where there is no such kind, or it has no such subresource. */
  servedKind({ resource, subresource, path }: ApiRequest): Kind {
    const kind = this.kindOf(resource);
    if (path !== undefined && subresource !== 'proxy') throw ApiError.noSuchResource();
    if (subresource !== undefined && !isStatusOf(kind, subresource) && !kind.subresources?.[subresource] && !kind.connects?.includes(subresource)) {
      throw ApiError.noSuchResource();
    }
    return kind;
  }

  #enter(request: ApiRequest, user: UserInfo): Kind {
    const { verb, resource, namespace, name, subresource, options } = request;
    const kind = this.servedKind(request);
    if ((kind.verbs && !kind.verbs.includes(verb)) || (kind.onlyOneByOne && verb === 'deletecollection')) throw new ApiError(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {});
    checkPlace(kind, request);
    const decision = this.#authorize({ user, verb, resource, subresource, namespace: kind.plural === 'namespaces' ? name : namespace, name: name ?? selectedName(request), fieldSelector: options.fieldSelector });
    if (request.annotate) {
      request.annotate('authorization.k8s.io/decision', decision.allowed ? 'allow' : 'forbid');
      request.annotate('authorization.k8s.io/reason', decision.reason ?? '');
    }
    if (!decision.allowed) throw ApiError.forbidden(kind, name ?? '', decision.why);
    return kind;
  }
}

/** A list or watch of one name asks for that object: who may see just that may see it so, too. */
function selectedName({ verb, options: { fieldSelector } }: ApiRequest): string | undefined {
  if (fieldSelector === undefined || verb === 'create') return undefined;
  return /(?:^|,)metadata\.name==?([^,=!]+)(?:,|$)/.exec(fieldSelector)?.[1];
}

/** Throws ApiError for a path that leads nowhere, or where nothing of the sort can be done. */
function checkPlace(kind: Kind, { verb, namespace, name, subresource }: ApiRequest): void {
  const isWithin = !!namespace;
  if (kind.namespaced ? !isWithin && name !== undefined && verb !== 'watch' : isWithin) throw ApiError.noSuchResource();
  const needsName = verb === 'get' || verb === 'update' || verb === 'patch' || verb === 'delete' || subresource !== undefined;
  const isImpossible = needsName ? name === undefined : (verb === 'create' && name !== undefined) || ((verb === 'create' || verb === 'deletecollection') && kind.namespaced && !isWithin);
  if (isImpossible) throw new ApiError(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {});
}

/** Undefined: all namespaces, or a kind without them. */
function namespaceOf(kind: Kind, { namespace }: ApiRequest): string | undefined {
  return kind.namespaced ? namespace || undefined : undefined;
}

function isStatusOf(kind: Kind, subresource: string): boolean {
  return subresource === 'status' && kind.hasStatus && !kind.subresources?.['status'];
}

function subresourceOf(kind: Kind, name: string, verb: string): Subresource<KubeObject> {
  const subresource = kind.subresources?.[name];
  if (!subresource?.verbs.includes(verb as 'get')) throw ApiError.methodNotAllowed(kind, verb);
  return subresource;
}
