// The API in verbs, written once over any Transport. What it gives is frozen and shared: change a copy.
import type { Resource } from '../api/kind.ts';
import type { ApiRequest, DeleteOptions, KubeList, ObjectKey, PatchType, RequestOptions, Transport, Verb, WatchEvent } from '../api/request.ts';
import type { KubeObject, New } from '../api/types.ts';

export interface ListOptions {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly resourceVersion?: string;
  readonly limit?: number;
  readonly continue?: string;
}

export interface WatchOptions extends ListOptions {
  readonly allowWatchBookmarks?: boolean;
  readonly timeoutSeconds?: number;
}

export interface Patch {
  readonly type: PatchType;
  readonly body: unknown;
  readonly subresource?: string;
  readonly fieldManager?: string;
  readonly force?: boolean;
}

export class Client {
  readonly transport: Transport;

  constructor(transport: Transport) {
    this.transport = transport;
  }

  get<T extends KubeObject>(of: Resource<T>, key: ObjectKey, signal: AbortSignal): Promise<T> {
    return this.transport.call<T>(request('get', of, key), signal);
  }

  /** `GET …/NAME/SUBRESOURCE` that answers with an object of another kind: scale. */
  getSub<Answer>(of: Resource, key: ObjectKey, subresource: string, signal: AbortSignal): Promise<Answer> {
    return this.transport.call<Answer>({ ...request('get', of, key), subresource }, signal);
  }

  list<T extends KubeObject>(of: Resource<T>, options: ListOptions, signal: AbortSignal): Promise<KubeList<T>> {
    const { namespace, ...rest } = options;
    return this.transport.call<KubeList<T>>({ ...request('list', of, { namespace: namespace ?? '', name: '' }), options: rest }, signal);
  }

  /** From `options.resourceVersion` on; throws ApiError Expired when that is compacted. */
  watch<T extends KubeObject>(of: Resource<T>, options: WatchOptions, signal: AbortSignal): AsyncIterable<WatchEvent<T>> {
    const { namespace, ...rest } = options;
    return this.transport.watch<T>({ ...request('watch', of, { namespace: namespace ?? '', name: '' }), options: rest }, signal);
  }

  create<T extends KubeObject>(of: Resource<T>, object: New<T>, signal: AbortSignal, subresource?: string): Promise<T> {
    const key = { namespace: object.metadata.namespace ?? '', name: subresource ? (object.metadata.name ?? '') : '' };
    return this.transport.call<T>({ ...request('create', of, key), subresource, body: subresource ? object : typed(of, object) }, signal);
  }

  /** Replaces the object; throws ApiError Conflict when `metadata.resourceVersion` is no longer the newest. */
  update<T extends KubeObject>(of: Resource<T>, object: T, signal: AbortSignal, subresource?: string): Promise<T> {
    return this.transport.call<T>({ ...request('update', of, keyOf(object)), subresource, body: typed(of, object) }, signal);
  }

  /** Replaces only the status, as `update` does for the rest. */
  updateStatus<T extends KubeObject>(of: Resource<T>, object: T, signal: AbortSignal): Promise<T> {
    return this.update(of, object, signal, 'status');
  }

  patch<T extends KubeObject>(of: Resource<T>, key: ObjectKey, patch: Patch, signal: AbortSignal): Promise<T> {
    const options: RequestOptions = { fieldManager: patch.fieldManager, force: patch.force };
    return this.transport.call<T>({ ...request('patch', of, key), subresource: patch.subresource, options, patchType: patch.type, body: patch.body }, signal);
  }

  /** Resolves with the object as deleted or as it begins to end; throws ApiError NotFound. */
  delete<T extends KubeObject>(of: Resource<T>, key: ObjectKey, options: DeleteOptions, signal: AbortSignal): Promise<unknown> {
    return this.transport.call({ ...request('delete', of, key), body: options }, signal);
  }

  /** Deletes all objects of a namespace that the selectors match. */
  deleteCollection(of: Resource, options: ListOptions, deletion: DeleteOptions, signal: AbortSignal): Promise<unknown> {
    const { namespace, ...rest } = options;
    return this.transport.call({ ...request('deletecollection', of, { namespace: namespace ?? '', name: '' }), options: rest, body: deletion }, signal);
  }

  /** `POST …/NAME/SUBRESOURCE` with an object of another kind: binding, eviction, token. */
  createSub<Answer = unknown>(of: Resource, key: ObjectKey, subresource: string, body: object, signal: AbortSignal): Promise<Answer> {
    return this.transport.call<Answer>({ ...request('create', of, key), subresource, body }, signal);
  }
}

export function keyOf(object: { readonly metadata: { readonly namespace?: string; readonly name?: string } }): ObjectKey {
  return { namespace: object.metadata.namespace ?? '', name: object.metadata.name ?? '' };
}

/** `namespace/name`, or just the name: one string for maps and logs. */
export function keyText(key: ObjectKey): string {
  return key.namespace ? `${key.namespace}/${key.name}` : key.name;
}

/** Lists give objects without apiVersion and kind; a write must have them. */
function typed(of: Resource, object: object): object {
  if ('kind' in object && 'apiVersion' in object) return object;
  return { apiVersion: of.group ? `${of.group}/${of.version}` : of.version, kind: of.kind, ...object };
}

function request(verb: Verb, of: Resource, key: ObjectKey): ApiRequest {
  const { group, version, plural } = of;
  return { verb, resource: { group, version, plural }, namespace: key.namespace || undefined, name: key.name || undefined, options: {} };
}
