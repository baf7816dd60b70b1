// In which release an API was deprecated, in which it was no longer served, and what is to be used instead: the numbers of
// Kubernetes' prerelease-lifecycle tags (the last ones that upstream had, for what it serves no more).
import type { Deprecation } from '../kind.ts';

/** Of Kubernetes 1.x. */
interface Lifecycle {
  readonly deprecated: number;
  readonly removed?: number;
  /** `GROUP/VERSION`, and a kind where it is another one. */
  readonly use?: string;
}

const until122 = (use: string, deprecated = 19): Lifecycle => ({ deprecated, removed: 22, use });

/** Ours: what will be deprecated later is not yet. */
const servedRelease = 36;

/** By `GROUP/VERSION`, or, before that, by `GROUP/VERSION KIND`. */
const lifecycles: Readonly<Record<string, Lifecycle>> = {
  'v1 ComponentStatus': { deprecated: 19 },
  'v1 Endpoints': { deprecated: 33, use: 'discovery.k8s.io/v1 EndpointSlice' },
  'admissionregistration.k8s.io/v1beta1': until122('admissionregistration.k8s.io/v1', 16),
  'admissionregistration.k8s.io/v1beta1 ValidatingAdmissionPolicy': { deprecated: 31, removed: 34 },
  'admissionregistration.k8s.io/v1beta1 ValidatingAdmissionPolicyBinding': { deprecated: 31, removed: 34 },
  'admissionregistration.k8s.io/v1beta1 MutatingAdmissionPolicy': { deprecated: 37, removed: 40 },
  'admissionregistration.k8s.io/v1beta1 MutatingAdmissionPolicyBinding': { deprecated: 37, removed: 40 },
  'apiextensions.k8s.io/v1beta1': until122('apiextensions.k8s.io/v1', 16),
  'apiregistration.k8s.io/v1beta1': until122('apiregistration.k8s.io/v1'),
  'authentication.k8s.io/v1beta1': until122('authentication.k8s.io/v1'),
  'authentication.k8s.io/v1beta1 SelfSubjectReview': { deprecated: 30, removed: 33, use: 'authentication.k8s.io/v1' },
  'authorization.k8s.io/v1beta1': until122('authorization.k8s.io/v1'),
  'autoscaling/v2beta1': { deprecated: 22, removed: 25, use: 'autoscaling/v2' },
  'autoscaling/v2beta2': { deprecated: 23, removed: 26, use: 'autoscaling/v2' },
  'batch/v1beta1': { deprecated: 21, removed: 25, use: 'batch/v1' },
  'certificates.k8s.io/v1beta1': until122('certificates.k8s.io/v1'),
  'coordination.k8s.io/v1beta1': until122('coordination.k8s.io/v1'),
  'discovery.k8s.io/v1beta1': { deprecated: 21, removed: 25, use: 'discovery.k8s.io/v1' },
  'events.k8s.io/v1beta1': { deprecated: 22, removed: 25 },
  'extensions/v1beta1': until122('networking.k8s.io/v1', 14),
  'flowcontrol.apiserver.k8s.io/v1beta1': { deprecated: 23, removed: 26, use: 'flowcontrol.apiserver.k8s.io/v1beta3' },
  'flowcontrol.apiserver.k8s.io/v1beta2': { deprecated: 26, removed: 29, use: 'flowcontrol.apiserver.k8s.io/v1beta3' },
  'flowcontrol.apiserver.k8s.io/v1beta3': { deprecated: 29, removed: 32, use: 'flowcontrol.apiserver.k8s.io/v1' },
  'networking.k8s.io/v1beta1': until122('networking.k8s.io/v1'),
  // Upstream says it so.
  'networking.k8s.io/v1beta1 IngressClass': until122('networking.k8s.io/v1 IngressClassList'),
  'networking.k8s.io/v1beta1 IPAddress': { deprecated: 34, removed: 37 },
  'networking.k8s.io/v1beta1 ServiceCIDR': { deprecated: 34, removed: 37 },
  'node.k8s.io/v1beta1': { deprecated: 22, removed: 25 },
  'policy/v1beta1': { deprecated: 21, removed: 25, use: 'policy/v1' },
  'rbac.authorization.k8s.io/v1beta1': until122('rbac.authorization.k8s.io/v1', 17),
  'resource.k8s.io/v1beta1': { deprecated: 35, removed: 38 },
  'resource.k8s.io/v1beta2': { deprecated: 36, removed: 39 },
  'scheduling.k8s.io/v1beta1': until122('scheduling.k8s.io/v1', 14),
  'storage.k8s.io/v1beta1': until122('storage.k8s.io/v1'),
  'storage.k8s.io/v1beta1 CSINode': until122('storage.k8s.io/v1', 17),
  'storage.k8s.io/v1beta1 CSIStorageCapacity': { deprecated: 24, removed: 27, use: 'storage.k8s.io/v1' },
  'storage.k8s.io/v1beta1 VolumeAttributesClass': { deprecated: 34, removed: 37 },
};

/** Undefined: nothing is wrong with using it. Words: k8s.io/apiserver pkg/endpoints/deprecation. */
export function deprecationOf(group: string, version: string, kind: string): Deprecation | undefined {
  const groupVersion = group ? `${group}/${version}` : version;
  const lifecycle = lifecycles[`${groupVersion} ${kind}`] ?? lifecycles[groupVersion];
  if (!lifecycle || lifecycle.deprecated > servedRelease) return undefined;
  const { deprecated, removed, use } = lifecycle;
  const unavailable = removed === undefined ? '' : `, unavailable in v1.${removed}+`;
  const instead = use === undefined ? '' : `; use ${use.includes(' ') ? use : `${use} ${kind}`}`;
  return { warning: `${groupVersion} ${kind} is deprecated in v1.${deprecated}+${unavailable}${instead}`, removedRelease: removed === undefined ? '' : `1.${removed}` };
}
