// The same objects as older versions show them, for older clients. Where a version has the same fields it is a line here.
import type { FieldCause } from '../error.ts';
import type { Kind, Resource } from '../kind.ts';
import type { KubeObject } from '../types.ts';
import { mutatingAdmissionPolicies, mutatingAdmissionPolicyBindings, validatingAdmissionPolicies, validatingAdmissionPolicyBindings } from './admission-policy.ts';
import { apiServices } from './api-service.ts';
import { certificateSigningRequests } from './certificate-signing-request.ts';
import { cronJobs } from './cron-job.ts';
import { csiDrivers } from './csi-driver.ts';
import { csiNodes } from './csi-node.ts';
import { csiStorageCapacities } from './csi-storage-capacity.ts';
import { deviceClasses, resourceSlices } from './device-class.ts';
import { customResourceDefinitions } from './custom-resource-definition.ts';
import { endpointSlices } from './endpoint-slice.ts';
import { flowSchemas, priorityLevelConfigurations } from './flow-control.ts';
import { flatMetrics, nestedMetrics } from './horizontal-pod-autoscaler-v2beta1.ts';
import { horizontalPodAutoscalers } from './horizontal-pod-autoscaler.ts';
import { ingressClasses } from './ingress-class.ts';
import { ingresses } from './ingress.ts';
import { ipAddresses } from './ip-address.ts';
import { leases } from './lease.ts';
import { deprecationOf } from './lifecycles.ts';
import { assuredShares, fillPaths, fillRequest, legacyBackends, topologies, toNominalShares, toServiceBackends, toZones } from './older-versions/conversions.ts';
import { fillOlderDefinition, toEachVersion, toOneForAll, validateOlderDefinition } from './older-versions/custom-resource-definitions.ts';
import { basicDevices, exactRequests, flatRequests, plainDevices } from './older-versions/devices.ts';
import { podDisruptionBudgets } from './pod-disruption-budget.ts';
import { priorityClasses } from './priority-class.ts';
import { resourceClaims, resourceClaimTemplates } from './resource-claim.ts';
import { localSubjectAccessReviews, selfSubjectAccessReviews, selfSubjectReviews, selfSubjectRulesReviews, subjectAccessReviews, tokenReviews } from './reviews.ts';
import { clusterRoleBindings, roleBindings } from './role-binding.ts';
import { clusterRoles, roles } from './role.ts';
import { runtimeClasses } from './runtime-class.ts';
import { serviceCidrs } from './service-cidr.ts';
import { storageClasses } from './storage-class.ts';
import { volumeAttachments } from './volume-attachment.ts';
import { volumeAttributesClasses } from './volume-attributes-class.ts';
import { fillOlderWebhooks, mutatingWebhookConfigurations, validatingWebhookConfigurations } from './webhook-configuration.ts';

interface Differences {
  readonly group?: string;
  readonly schemaName?: string;
  readonly toStored?: (object: KubeObject) => KubeObject;
  readonly fromStored?: (object: KubeObject) => KubeObject;
  /** Before it becomes the stored version, which has defaults of its own. */
  readonly defaults?: (draft: KubeObject) => void;
  /** Of what the stored version has no word for. */
  readonly validate?: (object: KubeObject) => FieldCause[];
}

const same = (object: KubeObject) => object;
const versionText = (group: string, version: string) => (group ? `${group}/${version}` : version);

/** What is sent is checked as the stored kind, once its defaults are there. */
function as<T extends KubeObject>(kind: Kind<T>, version: string, { group = kind.group, schemaName, toStored = same, fromStored = same, defaults, validate }: Differences = {}): Kind {
  const [shownAs, storedIn] = [versionText(group, version), versionText(kind.group, kind.version)];
  const ofItself = Object.entries(kind.subresources ?? {}).map(([name, sub]) => [name, sub.kind === kind.kind ? { ...sub, group, version } : sub]);
  return {
    ...kind,
    group,
    version,
    schemaName: schemaName ?? kind.schemaName.replace(/\.v\w+\.(?=\w+$)/, `.${version}.`),
    validate,
    defaults,
    deprecation: deprecationOf(group, version, kind.kind),
    ...(kind.subresources ? { subresources: Object.fromEntries(ofItself) } : {}),
    storedAs: {
      resource: kind as unknown as Resource,
      toStored: (object: KubeObject) => ({ ...toStored(object), apiVersion: storedIn }),
      fromStored: (object: KubeObject) => ({ ...fromStored(object), apiVersion: shownAs }),
    },
    columns: kind.columns?.map((column) => ({ ...column, cell: (object: KubeObject, nowMs: number) => column.cell(toStored(object) as T, nowMs) })),
  } as unknown as Kind;
}

const sameShape: readonly Kind[] = [apiServices, certificateSigningRequests, cronJobs, leases, flowSchemas, ingressClasses, ipAddresses, serviceCidrs, runtimeClasses, podDisruptionBudgets, clusterRoleBindings, clusterRoles, roleBindings, roles, priorityClasses, csiDrivers, csiNodes, csiStorageCapacities, storageClasses, volumeAttachments, volumeAttributesClasses, selfSubjectAccessReviews, selfSubjectReviews, selfSubjectRulesReviews, tokenReviews,
  mutatingAdmissionPolicies, mutatingAdmissionPolicyBindings, validatingAdmissionPolicies, validatingAdmissionPolicyBindings].map(
  (kind) => kind as unknown as Kind,
);

const ofIngress: Differences = { schemaName: 'io.k8s.api.networking.v1beta1.Ingress', toStored: toServiceBackends, fromStored: legacyBackends, defaults: fillPaths };
const byGroup: Differences = { toStored: (review) => renamedIn(review, 'group', 'groups'), fromStored: (review) => renamedIn(review, 'groups', 'group') };

function renamedIn(review: KubeObject, from: string, to: string): KubeObject {
  const { spec = {} } = review as KubeObject & { spec?: Record<string, unknown> };
  const { [from]: value, ...rest } = spec;
  return (value === undefined ? review : { ...review, spec: { ...rest, [to]: value } }) as KubeObject;
}

export const olderVersions: readonly Kind[] = [
  ...sameShape.map((kind) => as(kind, 'v1beta1', (kind as unknown) === certificateSigningRequests ? { defaults: fillRequest } : {})),
  as(customResourceDefinitions, 'v1beta1', { defaults: fillOlderDefinition, validate: validateOlderDefinition, toStored: toEachVersion, fromStored: toOneForAll }),
  as(mutatingWebhookConfigurations, 'v1beta1', { defaults: fillOlderWebhooks }),
  as(validatingWebhookConfigurations, 'v1beta1', { defaults: fillOlderWebhooks }),
  as(horizontalPodAutoscalers, 'v2beta1', { toStored: nestedMetrics, fromStored: flatMetrics }),
  as(horizontalPodAutoscalers, 'v2beta2'),
  ...[resourceClaims, resourceClaimTemplates, deviceClasses, resourceSlices].map((kind) => as(kind as unknown as Kind, 'v1beta2')),
  ...[resourceClaims, resourceClaimTemplates].map((kind) => as(kind as unknown as Kind, 'v1beta1', { toStored: exactRequests, fromStored: flatRequests })),
  as(resourceSlices, 'v1beta1', { toStored: plainDevices, fromStored: basicDevices }),
  as(deviceClasses, 'v1beta1'),
  as(endpointSlices, 'v1beta1', { toStored: toZones, fromStored: topologies }),
  as(ingresses, 'v1beta1', ofIngress),
  as(ingresses, 'v1beta1', { ...ofIngress, group: 'extensions' }),
  as(flowSchemas, 'v1beta2'),
  as(flowSchemas, 'v1beta3'),
  ...['v1beta1', 'v1beta2'].map((version) => as(priorityLevelConfigurations, version, { toStored: toNominalShares, fromStored: assuredShares })),
  as(priorityLevelConfigurations, 'v1beta3'),
  as(localSubjectAccessReviews, 'v1beta1', byGroup),
  as(subjectAccessReviews, 'v1beta1', byGroup),
];
