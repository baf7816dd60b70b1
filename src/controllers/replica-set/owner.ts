// ReplicaSet and ReplicationController are one idea with two names; this is all that differs.
import { replicaSets } from '../../api/kinds/replica-set.ts';
import { replicationControllers } from '../../api/kinds/replication-controller.ts';
import type { Resource } from '../../api/kind.ts';
import { labelSelectorOf, type LabelMatcher } from '../../api/selectors.ts';
import type { ReplicaSet, ReplicationController } from '../../api/types.ts';

export type ReplicaOwner = ReplicaSet | ReplicationController;

export interface OwnerKind<T extends ReplicaOwner> {
  readonly resource: Resource<T>;
  /** The controller's name, and the component of its Events. */
  readonly component: string;
}

export const replicaSetKind: OwnerKind<ReplicaSet> = { resource: replicaSets, component: 'replicaset-controller' };
export const replicationControllerKind: OwnerKind<ReplicationController> = { resource: replicationControllers, component: 'replication-controller' };

/** Read once for each version of an owner. */
export function selectorOf(owner: ReplicaOwner): LabelMatcher {
  let selector = selectors.get(owner);
  if (!selector) selectors.set(owner, (selector = labelSelectorOf(owner.spec.selector)));
  return selector;
}

const selectors = new WeakMap<ReplicaOwner, LabelMatcher>();
