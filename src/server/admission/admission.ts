// Admission: what may change or refuse a write after it was authorized and defaulted, before it is validated.
import type { Kind, Resource, UserInfo } from '../../api/kind.ts';
import type { ObjectKey } from '../../api/request.ts';
import type { KubeObject } from '../../api/types.ts';

export interface AdmissionRequest {
  readonly kind: Kind;
  readonly verb: 'create' | 'update' | 'delete' | 'connect';
  readonly subresource?: string;
  /** '' for kinds without namespaces. */
  readonly namespace: string;
  /** '' while generateName has not yet given one. */
  readonly name: string;
  /** The object as it will be written: `mutate` may change it. Absent for delete and connect. */
  readonly draft?: KubeObject;
  /** The object as it is stored, frozen. Absent for create. */
  readonly before?: KubeObject;
  readonly user: UserInfo;
  readonly dryRun: boolean;
}

/** The stored objects, as of now, frozen and shared. */
export interface AdmissionWorld {
  get<T extends KubeObject>(of: Resource<T>, key: ObjectKey): T | undefined;
  list<T extends KubeObject>(of: Resource<T>, namespace?: string): readonly T[];
}

/** One rule of admission. Refusals are thrown as ApiError. */
export interface Admission {
  readonly name: string;
  /** Whether the rule has a say at all; called for every write, so it must be cheap. */
  handles(request: AdmissionRequest): boolean;
  /** Runs before any `validate`, in the order of the rules. */
  mutate?(request: AdmissionRequest, world: AdmissionWorld): void | Promise<void>;
  validate?(request: AdmissionRequest, world: AdmissionWorld): void | Promise<void>;
}
