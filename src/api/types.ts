// The wire types of the Kubernetes API, as JSON: times are strings. Taken at compile time from the declarations of
// @kubernetes/client-node; nothing of it is loaded when Peapod runs.
import type * as k8s from '@kubernetes/client-node';

/** A client-node model as it stands in JSON; words of TypeScript have an underscore there (`_from`, `_default`). */
export type Wire<T> = T extends Date ? string
  : T extends (infer Item)[] ? Wire<Item>[]
  : T extends object ? { [Key in keyof T as Key extends `_${infer Word}` ? Word : Key]: Wire<T[Key]> }
  : T;

/** Metadata of an object that the server has stored. */
export interface ObjectMeta extends Omit<Wire<k8s.V1ObjectMeta>, 'name' | 'uid' | 'resourceVersion' | 'creationTimestamp'> {
  name: string;
  uid: string;
  /** Opaque to clients; a decimal store revision here. */
  resourceVersion: string;
  creationTimestamp: string;
}

/** Any object of the API. */
export interface KubeObject {
  apiVersion?: string;
  kind?: string;
  metadata: ObjectMeta;
}

type Section<T, Name extends string> = Name extends keyof T ? { [Key in Name]: Wire<NonNullable<T[Name & keyof T]>> } : unknown;

/** A stored object: metadata is whole, and `spec` and `status` are there (if only as `{}`) when the kind has them. */
export type Stored<T> = Wire<Omit<T, 'metadata' | 'spec' | 'status'>> & { metadata: ObjectMeta } & Section<T, 'spec'> & Section<T, 'status'>;

/** What a client sends to create an object of a kind. */
export type New<T extends KubeObject> = Omit<T, 'metadata' | 'status'> & { metadata: Partial<ObjectMeta>; status?: unknown };

export type Pod = Stored<k8s.V1Pod>;
export type PodSpec = Pod['spec'];
export type PodStatus = Pod['status'];
export type PodCondition = Wire<k8s.V1PodCondition>;
export type Container = Wire<k8s.V1Container>;
export type EphemeralContainer = Wire<k8s.V1EphemeralContainer>;
export type ContainerStatus = Wire<k8s.V1ContainerStatus>;
export type Probe = Wire<k8s.V1Probe>;
export type LifecycleHandler = Wire<k8s.V1LifecycleHandler>;
export type Volume = Wire<k8s.V1Volume>;
export type Toleration = Wire<k8s.V1Toleration>;
export type Taint = Wire<k8s.V1Taint>;
export type PodTemplateSpec = Wire<k8s.V1PodTemplateSpec>;
export type Node = Stored<k8s.V1Node>;
export type Namespace = Stored<k8s.V1Namespace>;
export type ConfigMap = Stored<k8s.V1ConfigMap>;
export type Secret = Stored<k8s.V1Secret>;
export type Service = Stored<k8s.V1Service>;
export type Endpoints = Stored<k8s.V1Endpoints>;
export type EndpointSlice = Stored<k8s.V1EndpointSlice>;
export type KubeEvent = Stored<k8s.CoreV1Event>;
export type ServiceAccount = Stored<k8s.V1ServiceAccount>;
export type Lease = Stored<k8s.V1Lease>;
export type PersistentVolume = Stored<k8s.V1PersistentVolume>;
export type PersistentVolumeClaim = Stored<k8s.V1PersistentVolumeClaim>;
export type Ingress = Stored<k8s.V1Ingress>;
export type IngressClass = Stored<k8s.V1IngressClass>;
export type StorageClass = Stored<k8s.V1StorageClass>;
export type CSIDriver = Stored<k8s.V1CSIDriver>;
export type CSINode = Stored<k8s.V1CSINode>;
export type CSIStorageCapacity = Wire<Omit<k8s.V1CSIStorageCapacity, 'metadata'>> & { metadata: ObjectMeta };
export type VolumeAttributesClass = Wire<Omit<k8s.V1VolumeAttributesClass, 'metadata'>> & { metadata: ObjectMeta };
export type PodTemplate = Wire<Omit<k8s.V1PodTemplate, 'metadata'>> & { metadata: ObjectMeta };
export type ServiceCIDR = Stored<k8s.V1ServiceCIDR>;
export type IPAddress = Stored<k8s.V1IPAddress>;
export type FlowSchema = Stored<k8s.V1FlowSchema>;
export type PriorityLevelConfiguration = Stored<k8s.V1PriorityLevelConfiguration>;
export type DeviceClass = Stored<k8s.V1DeviceClass>;
export type ResourceClaim = Stored<k8s.ResourceV1ResourceClaim>;
export type ResourceClaimTemplate = Stored<k8s.V1ResourceClaimTemplate>;
export type ResourceSlice = Stored<k8s.V1ResourceSlice>;
export type VolumeAttachment = Stored<k8s.V1VolumeAttachment>;
export type NodeSelector = Wire<k8s.V1NodeSelector>;
export type ReplicationController = Stored<k8s.V1ReplicationController>;
export type ReplicaSet = Stored<k8s.V1ReplicaSet>;
export type Deployment = Stored<k8s.V1Deployment>;
export type StatefulSet = Stored<k8s.V1StatefulSet>;
export type DaemonSet = Stored<k8s.V1DaemonSet>;
export type ControllerRevision = Stored<k8s.V1ControllerRevision>;
export type Job = Stored<k8s.V1Job>;
export type JobSpec = Job['spec'];
export type CronJob = Stored<k8s.V1CronJob>;
export type NetworkPolicyPeer = Wire<k8s.V1NetworkPolicyPeer>;
export type NetworkPolicyPort = Wire<k8s.V1NetworkPolicyPort>;
export type NetworkPolicy = Stored<k8s.V1NetworkPolicy>;
export type PriorityClass = Stored<k8s.V1PriorityClass>;
export type HorizontalPodAutoscaler = Stored<k8s.V2HorizontalPodAutoscaler>;
export type MetricSpec = Wire<k8s.V2MetricSpec>;
export type MetricStatus = Wire<k8s.V2MetricStatus>;
export type ScalingRules = Wire<k8s.V2HPAScalingRules>;
export type ResourceQuota = Stored<k8s.V1ResourceQuota>;
export type LimitRange = Stored<k8s.V1LimitRange>;
export type LimitRangeItem = Wire<k8s.V1LimitRangeItem>;
export type RuntimeClass = Stored<k8s.V1RuntimeClass>;
export type PodDisruptionBudget = Stored<k8s.V1PodDisruptionBudget> & {
  status: { currentHealthy: number; desiredHealthy: number; disruptionsAllowed: number; expectedPods: number };
};
export type APIService = Stored<k8s.V1APIService>;
export type CustomResourceDefinition = Stored<k8s.V1CustomResourceDefinition>;
export type MutatingWebhookConfiguration = Stored<k8s.V1MutatingWebhookConfiguration>;
export type ValidatingWebhookConfiguration = Stored<k8s.V1ValidatingWebhookConfiguration>;
export type ValidatingAdmissionPolicy = Stored<k8s.V1ValidatingAdmissionPolicy>;
export type ValidatingAdmissionPolicyBinding = Stored<k8s.V1ValidatingAdmissionPolicyBinding>;
export type MutatingAdmissionPolicy = Stored<k8s.V1MutatingAdmissionPolicy>;
export type MutatingAdmissionPolicyBinding = Stored<k8s.V1MutatingAdmissionPolicyBinding>;
export type PolicyRule = Wire<k8s.V1PolicyRule>;
export type RoleRef = Wire<k8s.V1RoleRef>;
export type Subject = Wire<k8s.RbacV1Subject>;
export type Role = Stored<k8s.V1Role>;
export type ClusterRole = Stored<k8s.V1ClusterRole>;
export type RoleBinding = Stored<k8s.V1RoleBinding>;
export type ClusterRoleBinding = Stored<k8s.V1ClusterRoleBinding>;
export type CertificateSigningRequest = Stored<k8s.V1CertificateSigningRequest>;
export type Binding = Wire<k8s.V1Binding>;
export type Scale = Stored<k8s.V1Scale>;
export type TokenRequest = Stored<k8s.AuthenticationV1TokenRequest>;
export type Status = Wire<k8s.V1Status>;
export type LabelSelector = Wire<k8s.V1LabelSelector>;
export type OwnerReference = Wire<k8s.V1OwnerReference>;
