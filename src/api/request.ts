// The narrow waist: every call to the API, from wherever it comes, is an ApiRequest over a Transport.
import type { Duplex } from 'node:stream';
import type { KubeObject, Status } from './types.ts';

export type Verb = 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete' | 'deletecollection' | 'connect';

/** Which collection: the group ('' for core), its version and the plural name. */
export interface ResourceName {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
}

export interface ObjectKey {
  /** '' for kinds without namespaces. */
  readonly namespace: string;
  readonly name: string;
}

export interface ApiRequest {
  readonly verb: Verb;
  readonly resource: ResourceName;
  /** Undefined: no namespace, or all of them. */
  readonly namespace?: string;
  readonly name?: string;
  readonly subresource?: string;
  /** What follows the subresource, from its slash on: of `proxy`, and where another server is asked. */
  readonly path?: string;
  readonly options: RequestOptions;
  /** The object to write, a patch document, or DeleteOptions; decoded. Must not be changed after the call. */
  readonly body?: unknown;
  readonly patchType?: PatchType;
  /** Told what the audit log is to say of the request beside what is in it; absent: nobody is told. Never sent anywhere. */
  readonly annotate?: Annotate;
  /** Told for how many milliseconds it has waited for webhooks; absent: nobody is. Never sent anywhere. */
  readonly waited?: (ms: number) => void;
}

export type Annotate = (key: string, value: string) => void;

/** The query parameters of the API, parsed. Names as in the API's documentation. */
export interface RequestOptions {
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly resourceVersion?: string;
  readonly resourceVersionMatch?: string;
  readonly limit?: number;
  readonly continue?: string;
  readonly timeoutSeconds?: number;
  readonly allowWatchBookmarks?: boolean;
  readonly sendInitialEvents?: boolean;
  readonly dryRun?: boolean;
  readonly fieldManager?: string;
  readonly fieldValidation?: 'Ignore' | 'Warn' | 'Strict';
  readonly force?: boolean;
  /** What only a subresource reads (container, command, follow, tailLines …), each with its values in order. */
  readonly query?: Readonly<Record<string, readonly string[]>>;
}

export type PatchType = 'json' | 'merge' | 'strategic' | 'apply';

export interface DeleteOptions {
  readonly gracePeriodSeconds?: number;
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
  readonly propagationPolicy?: 'Orphan' | 'Background' | 'Foreground';
  readonly orphanDependents?: boolean;
}

export interface KubeList<T> {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string; readonly remainingItemCount?: number };
  readonly items: readonly T[];
}

export type WatchEvent<T = KubeObject> =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: T }
  | { readonly type: 'BOOKMARK'; readonly object: KubeObject }
  | { readonly type: 'ERROR'; readonly object: Status };

/**
 * How requests reach a server. The objects it gives are frozen and shared: change a copy.
 * Errors are thrown as ApiError.
 */
export interface Transport {
  call<T>(request: ApiRequest, signal: AbortSignal): Promise<T>;
  /** Ends when the server ends it or on abort; an ERROR event is thrown as ApiError. */
  watch<T>(request: ApiRequest, signal: AbortSignal): AsyncIterable<WatchEvent<T>>;
  /** exec, attach and port-forward: the upgraded connection, speaking the WebSocket remote-command protocol. */
  connect(request: ApiRequest, signal: AbortSignal): Promise<Duplex>;
}
