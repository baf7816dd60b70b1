// Admission: what stands between a well-formed write and the store. Mutators run first, in order, then the kind's
// validation, then the validators in the same order.
import type { Kind, Resource, UserInfo } from '../../api/kind.ts';
import type { Annotate, ObjectKey } from '../../api/request.ts';
import type { KubeObject } from '../../api/types.ts';

export interface AdmissionRequest {
  /** As it is stored: what `draft` and `before` are. */
  readonly kind: Kind;
  /** The form of it in which the request speaks, where that is another. */
  readonly as?: Kind;
  readonly verb: 'create' | 'update' | 'delete' | 'connect';
  readonly subresource?: string;
  /** '' for kinds without namespaces. */
  readonly namespace: string;
  /** '' for a create whose name is still to be generated. */
  readonly name: string;
  /**
   * The object as it is to be written: an own copy that `mutate` may change. Absent for delete. For a subresource with an object of its own that
   * is no view of its parent (Binding, Eviction, TokenRequest), that; for connect, what is asked for (`connect-options.ts`), which has no metadata.
   */
  readonly draft?: KubeObject;
  /** The stored object; frozen. Absent for create and connect. */
  readonly before?: KubeObject;
  readonly user: UserInfo;
  readonly dryRun: boolean;
  /** What is put here is told to the client, when its request succeeds. Absent where nobody is told. */
  readonly warnings?: string[];
  /** What is put here is in the audit log. Absent where there is none, or it says nothing of this request. */
  readonly annotate?: Annotate;
  /** Told for how long it waits for others. */
  readonly waited?: (ms: number) => void;
}

/** What plug-ins may look at: the newest state that this server has seen. */
export interface AdmissionWorld {
  get<T extends KubeObject>(of: Resource<T>, key: ObjectKey): T | undefined;
  list<T extends KubeObject>(of: Resource<T>, namespace?: string): readonly T[];
  /** The kind of that name that is stored, whatever its version. */
  kindNamed(group: string, name: string): Kind | undefined;
}

/** One plug-in. Refusals are thrown as ApiError. */
export interface Admission {
  /** As Kubernetes names it in --enable-admission-plugins. */
  readonly name: string;
  /** It asks others, whose time is not this server's. */
  readonly isElsewhere?: boolean;
  /** Asked on every write: must cost next to nothing. */
  handles(request: AdmissionRequest): boolean;
  mutate?(request: AdmissionRequest, world: AdmissionWorld): void | Promise<void>;
  validate?(request: AdmissionRequest, world: AdmissionWorld): void | Promise<void>;
}
