// A kind of the API as data: a small file per kind declares one of these, and the server, the client and discovery
// need nothing else to serve it. All of it is pure.
import type { FieldCause } from './error.ts';
import type { DeleteOptions, ResourceName, Verb } from './request.ts';
import type { JsonSchema } from './custom/json-schema.ts';
import type { OwnSchema } from './schema/schema.ts';
import type { CustomResourceDefinition, KubeObject } from './types.ts';

/** The name of a collection, carrying the type of its objects for `client.get(pods, …)`. */
export interface Resource<T extends KubeObject = KubeObject> extends ResourceName {
  readonly kind: string;
  readonly namespaced: boolean;
  /** Never there: only carries the type. */
  readonly object?: T;
}

export interface WriteContext {
  readonly nowMs: number;
  readonly user: UserInfo;
  readonly uuid: () => string;
}

export interface UserInfo {
  readonly username: string;
  readonly uid?: string;
  readonly groups: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

/**
 * What a delete request means for an object.
 * `gone`: remove it now. `graceful`: set deletionTimestamp and keep it until the node confirms.
 */
export type DeleteDecision = { readonly type: 'gone' } | { readonly type: 'graceful'; readonly graceSeconds: number };

export interface Column<T> {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  readonly format?: 'name' | '';
  readonly description: string;
  /** 0: always shown; 1: shown with -o wide. */
  readonly priority: 0 | 1;
  readonly cell: (object: T, nowMs: number) => string | number | boolean | null;
}

/** A subresource that reads or writes its parent through another kind of object (scale, binding …). */
export interface Subresource<T> {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly verbs: readonly ('get' | 'create' | 'update' | 'patch')[];
  /** A write does not count in the parent's generation, whatever it changes (binding). */
  readonly keepsGeneration?: boolean;
  /** The subresource's object, for get, update and patch. */
  readonly read?: (parent: T) => object;
  /** The parent as it is after the write; `parent` is frozen. Throws ApiError. */
  readonly write: (parent: T, body: never, context: WriteContext) => T;
  /** Of scale: the fields that lead to the parent's replicas, whose owners an apply meets. */
  readonly replicasPath?: readonly string[];
  /** What a create answers; undefined: a Status of success. An update or patch answers `read` of the new parent. */
  readonly answer?: (parent: T) => object;
}

/** What only kinds have that are declared at run time. */
export interface CustomTraits {
  readonly declared: JsonSchema;
  /** Brings an object that was stored under another state of the schema to what it says now. False: it was so already. */
  settle(draft: KubeObject): boolean;
  /** How objects of other versions become ones of this; absent: by their apiVersion alone. */
  readonly conversion?: NonNullable<CustomResourceDefinition['spec']['conversion']>['webhook'];
}

/** What those are told who still use a version or a kind. */
export interface Deprecation {
  readonly warning: string;
  /** `1.25`; empty: it is not known that it will go. */
  readonly removedRelease: string;
}

/** One kind of object in another version, or under another name: `events.k8s.io/v1` has the Events of the core group. */
export interface StoredAs {
  readonly resource: Resource;
  /** Neither changes what it is given; what they give may share with it. */
  readonly toStored: (shown: KubeObject) => KubeObject;
  readonly fromStored: (stored: KubeObject) => KubeObject;
  /** Fields that selectors name otherwise: as shown → as stored. */
  readonly fieldLabels?: Readonly<Record<string, string>>;
}

/**
 * The hooks get drafts: own, unfrozen copies that they may change. They run in this order:
 * create: prepareCreate, defaults, [admission], validate; update: defaults, prepareUpdate, [admission], validate,
 * validateUpdate. A status write runs prepareStatus instead of prepareUpdate, and validateStatus.
 */
export interface Kind<T extends KubeObject = KubeObject> extends Resource<T> {
  readonly listKind: string;
  /** What can be done with its objects; absent: all. Kinds that are not stored answer to fewer. */
  readonly verbs?: readonly Verb[];
  /** True: its objects cannot be deleted as a collection. */
  readonly onlyOneByOne?: boolean;
  /** Set: no objects of its own, but those of another kind in another form. Of its hooks only \`defaults\`, \`validate\` and \`columns\` count: all else is the stored kind's. */
  readonly storedAs?: StoredAs;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  /** True: `status` is written only through the status subresource. */
  readonly hasStatus: boolean;
  /** True: metadata.generation counts changes of everything but metadata and status. */
  readonly hasGeneration: boolean;
  /** Set: to be used no more. */
  readonly deprecation?: Deprecation;
  /** The key in the schema: `io.k8s.api.core.v1.Pod`. */
  readonly schemaName: string;
  /** Instead of a definition of that name: what a CustomResourceDefinition says. */
  readonly schema?: OwnSchema;
  /** Set for kinds that a CustomResourceDefinition declares. */
  readonly custom?: CustomTraits;
  readonly subresources?: Readonly<Record<string, Subresource<T>>>;
  /** Answered with an upgraded connection or a stream by the object's node: exec, attach, portforward, log, proxy. */
  readonly connects?: readonly string[];
  /** False: an update without a resourceVersion is refused. */
  readonly allowUnconditionalUpdate: boolean;
  /** True: an update (PUT) or apply of an absent name creates it (Lease, Event, EndpointSlice …: as upstream). */
  readonly allowCreateOnUpdate: boolean;
  readonly validateName?: (name: string) => string[];
  readonly prepareCreate?: (draft: T, context: WriteContext) => void;
  /** On create, once the name is known; `taken`: the name that was tried before and found taken. */
  readonly prepareNamed?: (draft: T, taken?: string) => void;
  readonly prepareUpdate?: (draft: T, before: T, context: WriteContext) => void;
  readonly prepareStatus?: (draft: T, before: T, context: WriteContext) => void;
  readonly defaults?: (draft: T) => void;
  /** `before`: what an update replaces. `sentAs`: the older version in which it was written. */
  readonly validate?: (object: T, before?: T, sentAs?: Kind) => FieldCause[];
  readonly validateUpdate?: (object: T, before: T) => FieldCause[];
  readonly validateStatus?: (object: T, before: T) => FieldCause[];
  /** What the client is told of an object that is accepted: when it is made, and when an update changes more than its metadata. */
  readonly warnings?: (object: T, before?: T) => string[];
  /** Absent: a delete is `gone`. Pods decide their grace here. */
  readonly decideDelete?: (object: T, options: DeleteOptions) => DeleteDecision;
  /** Called when a delete keeps the object and sets its deletionTimestamp (Namespace: phase Terminating). */
  readonly markDeleted?: (draft: T, context: WriteContext) => void;
  /** Finalizers other than metadata.finalizers that hold the object (Namespace's spec.finalizers). */
  readonly heldBy?: (object: T) => boolean;
  /** Field selectors beyond metadata.name and metadata.namespace. */
  readonly selectableFields?: Readonly<Record<string, (object: T) => string>>;
  /** One of the selectable fields by which its objects are filed: to list or watch those with one value costs nothing for the others. */
  readonly filedBy?: string;
  /** All of the table's columns, Name and Age among them, in the order shown. */
  readonly columns?: readonly Column<T>[];
}
