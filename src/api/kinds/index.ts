// All kinds that Peapod serves. A new kind is its own file and one line here.
import type { Kind, Resource } from '../kind.ts';
import type { ResourceName } from '../request.ts';
import { apiServices } from './api-service.ts';
import { certificateSigningRequests } from './certificate-signing-request.ts';
import { componentStatuses } from './component-status.ts';
import { configMaps } from './config-map.ts';
import { customResourceDefinitions } from './custom-resource-definition.ts';
import { mutatingWebhookConfigurations, validatingWebhookConfigurations } from './webhook-configuration.ts';
import { mutatingAdmissionPolicies, mutatingAdmissionPolicyBindings, validatingAdmissionPolicies, validatingAdmissionPolicyBindings } from './admission-policy.ts';
import { csiDrivers } from './csi-driver.ts';
import { csiStorageCapacities } from './csi-storage-capacity.ts';
import { csiNodes } from './csi-node.ts';
import { controllerRevisions } from './controller-revision.ts';
import { cronJobs } from './cron-job.ts';
import { daemonSets } from './daemon-set.ts';
import { deployments } from './deployment.ts';
import { deviceClasses, resourceSlices } from './device-class.ts';
import { endpointSlices } from './endpoint-slice.ts';
import { endpoints } from './endpoints.ts';
import { eventsV1, eventsV1beta1 } from './event-v1.ts';
import { events } from './event.ts';
import { flowSchemas, priorityLevelConfigurations } from './flow-control.ts';
import { horizontalPodAutoscalers } from './horizontal-pod-autoscaler.ts';
import { horizontalPodAutoscalersV1 } from './horizontal-pod-autoscaler-v1.ts';
import { ipAddresses } from './ip-address.ts';
import { jobs } from './job.ts';
import { leases } from './lease.ts';
import { limitRanges } from './limit-range.ts';
import { nodeMetrics, podMetrics } from './metrics.ts';
import { namespaces } from './namespace.ts';
import { ingressClasses } from './ingress-class.ts';
import { ingresses } from './ingress.ts';
import { networkPolicies } from './network-policy.ts';
import { nodes } from './node.ts';
import { olderVersions } from './older-versions.ts';
import { podDisruptionBudgets } from './pod-disruption-budget.ts';
import { persistentVolumeClaims } from './persistent-volume-claim.ts';
import { persistentVolumes } from './persistent-volume.ts';
import { podTimelines } from './pod-timeline.ts';
import { podTemplates } from './pod-template.ts';
import { pods } from './pod.ts';
import { priorityClasses } from './priority-class.ts';
import { replicaSets } from './replica-set.ts';
import { replicationControllers } from './replication-controller.ts';
import { resourceClaims, resourceClaimTemplates } from './resource-claim.ts';
import { resourceQuotas } from './resource-quota.ts';
import { clusterRoleBindings, roleBindings } from './role-binding.ts';
import { clusterRoles, roles } from './role.ts';
import { runtimeClasses } from './runtime-class.ts';
import { localSubjectAccessReviews, selfSubjectAccessReviews, selfSubjectReviews, selfSubjectRulesReviews, subjectAccessReviews, tokenReviews } from './reviews.ts';
import { secrets } from './secret.ts';
import { serviceAccounts } from './service-account.ts';
import { serviceCidrs } from './service-cidr.ts';
import { services } from './service.ts';
import { storageClasses } from './storage-class.ts';
import { volumeAttributesClasses } from './volume-attributes-class.ts';
import { volumeAttachments } from './volume-attachment.ts';
import { statefulSets } from './stateful-set.ts';

const table: readonly Resource[] = [
  configMaps,
  endpoints,
  events,
  limitRanges,
  namespaces,
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  podTemplates,
  pods,
  replicationControllers,
  resourceQuotas,
  secrets,
  serviceAccounts,
  services,
  controllerRevisions,
  daemonSets,
  deployments,
  replicaSets,
  statefulSets,
  horizontalPodAutoscalers,
  cronJobs,
  jobs,
  certificateSigningRequests,
  leases,
  endpointSlices,
  ingressClasses,
  ingresses,
  networkPolicies,
  runtimeClasses,
  podDisruptionBudgets,
  priorityClasses,
  csiDrivers,
  csiNodes,
  storageClasses,
  volumeAttachments,
  clusterRoleBindings,
  clusterRoles,
  roleBindings,
  roles,
  customResourceDefinitions,
  apiServices,
  mutatingWebhookConfigurations,
  validatingWebhookConfigurations,
  mutatingAdmissionPolicies,
  mutatingAdmissionPolicyBindings,
  validatingAdmissionPolicies,
  validatingAdmissionPolicyBindings,
  ipAddresses,
  serviceCidrs,
  csiStorageCapacities,
  volumeAttributesClasses,
  flowSchemas,
  priorityLevelConfigurations,
  deviceClasses,
  resourceClaims,
  resourceClaimTemplates,
  resourceSlices,
];

/** Served beside them without objects of their own: they are answered when asked, or are views of those above. */
export const unstoredKinds = [
  componentStatuses,
  eventsV1,
  eventsV1beta1,
  horizontalPodAutoscalersV1,
  localSubjectAccessReviews,
  nodeMetrics,
  podMetrics,
  podTimelines,
  selfSubjectAccessReviews,
  selfSubjectReviews,
  selfSubjectRulesReviews,
  subjectAccessReviews,
  tokenReviews,
  ...olderVersions,
] as readonly Kind[];

/** Whoever takes a kind from here hands it only objects of that kind, so the type of the objects may be forgotten. */
export const kinds = table as readonly Kind[];

/** The kind that a collection holds; undefined when there is no such collection. */
export function kindOf({ group, version, plural }: ResourceName): Kind | undefined {
  return byName.get(`${group}/${version}/${plural}`);
}

const byName = new Map(kinds.map((kind) => [`${kind.group}/${kind.version}/${kind.plural}`, kind]));

export {
  apiServices,
  certificateSigningRequests,
  clusterRoleBindings,
  clusterRoles,
  configMaps,
  csiDrivers,
  csiNodes,
  controllerRevisions,
  cronJobs,
  daemonSets,
  customResourceDefinitions,
  deployments,
  endpoints,
  endpointSlices,
  events,
  horizontalPodAutoscalers,
  jobs,
  leases,
  limitRanges,
  namespaces,
  ingressClasses,
  ingresses,
  networkPolicies,
  nodes,
  podDisruptionBudgets,
  persistentVolumeClaims,
  persistentVolumes,
  podTimelines,
  pods,
  priorityClasses,
  replicaSets,
  replicationControllers,
  resourceQuotas,
  roleBindings,
  roles,
  runtimeClasses,
  secrets,
  serviceAccounts,
  services,
  storageClasses,
  volumeAttachments,
  statefulSets,
};
