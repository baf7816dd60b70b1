// What answers for kinds that have no objects of their own: questions to the authorizer, and what nodes and Pods use.
import type { UserInfo } from '../api/kind.ts';
import type { ApiRequest } from '../api/request.ts';
import type { Answer, Registry, WriteRequest } from './registry/registry.ts';

export interface Unstored {
  /** get and list. */
  readonly read?: (registry: Registry, request: ApiRequest, user: UserInfo) => Answer | Promise<Answer>;
  readonly create?: (registry: Registry, request: WriteRequest) => Answer | Promise<Answer>;
}

/** By `GROUP/PLURAL`. */
export type UnstoredKinds = Readonly<Record<string, Unstored>>;
