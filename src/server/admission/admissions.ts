// All admission plug-ins, in the order of kube-apiserver: first whether there is a place for the object at all, then
// what fills in or restricts single kinds, last what looks at any kind.
import { systemClock, type Clock } from '../../base/clock.ts';
import { systemRandom, type Random } from '../../base/random.ts';
import type { Authorize } from '../auth/access.ts';
import { createAuthorizer } from '../auth/authorize.ts';
import type { Admission } from './admission.ts';
import { certificateApproval, certificateSigning, certificateSubjectRestriction } from './certificates.ts';
import { defaultIngressClass } from './default-ingress-class.ts';
import { defaultStorageClass } from './default-storage-class.ts';
import { defaultTolerationSeconds } from './default-toleration-seconds.ts';
import { limitRanger } from './limit-ranger.ts';
import { namespaceLifecycle } from './namespace-lifecycle.ts';
import { nodeRestriction } from './node-restriction.ts';
import { ownerReferencesPermissionEnforcement } from './owner-references-permission-enforcement.ts';
import { podSecurity } from './pod-security.ts';
import { persistentVolumeClaimResize } from './persistent-volume-claim-resize.ts';
import { priority } from './priority.ts';
import { runtimeClass } from './runtime-class.ts';
import { serviceAccount } from './service-account.ts';
import { storageObjectInUseProtection } from './storage-object-in-use-protection.ts';
import { taintNodesByCondition } from './taint-nodes-by-condition.ts';

export function admissions({ clock = systemClock, random = systemRandom, authorize = createAuthorizer() }: { readonly clock?: Clock; readonly random?: Random; readonly authorize?: Authorize } = {}): Admission[] {
  return [
    namespaceLifecycle,
    limitRanger,
    serviceAccount(clock, random),
    nodeRestriction,
    taintNodesByCondition,
    podSecurity,
    priority,
    defaultTolerationSeconds,
    defaultStorageClass,
    storageObjectInUseProtection,
    persistentVolumeClaimResize,
    runtimeClass,
    defaultIngressClass,
    certificateApproval(authorize),
    certificateSigning(authorize),
    certificateSubjectRestriction,
    ownerReferencesPermissionEnforcement(authorize),
  ];
}
