// NodeRestriction: a node agent writes only what is its own: its Node, its Lease, and the Pods bound to it.
import { ApiError } from '../../api/error.ts';
import { nodes, persistentVolumeClaims, pods } from '../../api/kinds/index.ts';
import { annotationOf, localNodeOf, selectedNode } from '../../api/storage/claims.ts';
import type { Node, OwnerReference, PersistentVolume, Pod, ResourceSlice, Taint, TokenRequest } from '../../api/types.ts';
import { issuer } from '../auth/token-claims.ts';
import type { Admission, AdmissionRequest, AdmissionWorld } from './admission.ts';
import { forbidden } from './forbidden.ts';
import { isConditionTaint } from './taint-nodes-by-condition.ts';

const nodesGroup = 'system:nodes';
const userPrefix = 'system:node:';
const mirrorAnnotation = 'kubernetes.io/config.mirror';
const leaseNamespace = 'kube-node-lease';

export const nodeRestriction: Admission = {
  name: 'NodeRestriction',
  handles: ({ user }) => user.groups.includes(nodesGroup),
  validate(request, world) {
    const { username } = request.user;
    if (!username.startsWith(userPrefix) || username === userPrefix) throw forbidden(request, `could not determine node from user ${JSON.stringify(username)}`);
    const node = username.slice(userPrefix.length);
    switch (`${request.kind.group}/${request.kind.plural}`) {
      case '/pods':
        return checkPod(request, node, world);
      case '/nodes':
        return checkNode(request, node);
      case 'coordination.k8s.io/leases':
        return checkLease(request, node);
      case '/persistentvolumes':
        return checkVolume(request, node, world);
      case 'storage.k8s.io/csinodes':
        if (request.verb === 'create' && request.draft?.metadata.name !== node) throw forbidden(request, 'can only create CSINode with the same name as the requesting node');
        return;
      case 'resource.k8s.io/resourceslices':
        if (request.verb === 'create' && (request.draft as ResourceSlice).spec.nodeName !== node) throw forbidden(request, 'can only create ResourceSlice with the same NodeName as the requesting node');
        return;
      case '/serviceaccounts':
      case '/persistentvolumeclaims':
        if (request.subresource === 'token') return checkToken(request, node, world);
        if (!request.subresource) throw forbidden(request, `node ${JSON.stringify(node)} is not allowed to modify ${request.kind.plural}`);
    }
  },
};

function checkPod(request: AdmissionRequest, node: string, world: AdmissionWorld): void {
  const refuse = (why: string): never => {
    throw forbidden(request, why);
  };
  const by = JSON.stringify(node);
  const before = request.before as Pod | undefined;
  switch (request.subresource ?? '') {
    case 'status': {
      if (before?.spec.nodeName !== node) refuse(`node ${by} can only update pod status for pods with spec.nodeName set to itself`);
      if (!sameLabels(before?.metadata.labels, (request.draft as Pod).metadata.labels)) refuse(`node ${by} cannot update labels through pod status`);
      return;
    }
    case 'eviction':
      if (before?.spec.nodeName !== node) refuse(`node ${node} can only evict pods with spec.nodeName set to itself`);
      return;
    case '':
      if (request.verb === 'create') return checkMirrorPod(request, node, world);
      if (request.verb !== 'delete') refuse(`unexpected operation ${JSON.stringify(request.verb.toUpperCase())}, node ${by} can only create and delete mirror pods`);
      if (before?.spec.nodeName !== node) refuse(`node ${by} can only delete pods with spec.nodeName set to itself`);
      return;
    default:
      refuse(`unexpected pod subresource ${JSON.stringify(request.subresource)}, only 'status' and 'eviction' are allowed`);
  }
}

function checkMirrorPod(request: AdmissionRequest, node: string, world: AdmissionWorld): void {
  const { metadata, spec } = request.draft as Pod;
  const by = JSON.stringify(node);
  if (metadata.annotations?.[mirrorAnnotation] === undefined) throw forbidden(request, `pod does not have ${JSON.stringify(mirrorAnnotation)} annotation, node ${by} can only create mirror pods`);
  if (spec.nodeName !== node) throw forbidden(request, `node ${by} can only create pods with spec.nodeName set to itself`);
  const owners = (metadata.ownerReferences ?? []) as OwnerReference[];
  if (owners.length > 1) throw forbidden(request, `node ${by} can only create pods with a single owner reference set to itself`);
  const [owner] = owners;
  if (owner?.apiVersion !== 'v1' || owner.kind !== 'Node' || owner.name !== node) throw forbidden(request, `node ${by} can only create pods with an owner reference set to itself`);
  if (!owner.controller) throw forbidden(request, `node ${by} can only create pods with a controller owner reference set to itself`);
  if (owner.blockOwnerDeletion) throw forbidden(request, `node ${by} must not set blockOwnerDeletion on an owner reference`);
  const own = world.get(nodes, { namespace: '', name: node });
  if (!own) throw ApiError.notFound(nodes, node);
  if (own.metadata.uid !== owner.uid) throw forbidden(request, `node ${node} UID mismatch: expected ${owner.uid} got ${own.metadata.uid}`);
}

/** Only a token that ends with a Pod of the node's, and only for those whom that Pod names. */
function checkToken(request: AdmissionRequest, node: string, world: AdmissionWorld): void {
  const { boundObjectRef: ref, audiences = [] } = (request.draft as TokenRequest).spec;
  if (ref?.apiVersion !== 'v1' || ref.kind !== 'Pod' || !ref.name) throw forbidden(request, 'node requested token not bound to a pod');
  if (!ref.uid) throw forbidden(request, 'node requested token with a pod binding without a uid');
  const pod = world.get(pods, { namespace: request.namespace, name: ref.name });
  if (!pod) throw ApiError.notFound(pods, ref.name);
  if (ref.uid !== pod.metadata.uid) throw forbidden(request, `the UID in the bound object reference (${ref.uid}) does not match the UID in record. The object might have been deleted and then recreated`);
  if (pod.spec.nodeName !== node) throw forbidden(request, 'node requested token bound to a pod scheduled on a different node');
  const projected = (pod.spec.volumes ?? []).flatMap(({ projected }) => projected?.sources ?? []).flatMap(({ serviceAccountToken }) => (serviceAccountToken ? [serviceAccountToken] : []));
  if (audiences.length > 1) throw forbidden(request, 'node may only request 0 or 1 audiences');
  const [asked] = audiences;
  const isOwn = asked === undefined || asked === issuer;
  if (isOwn || projected.some(({ audience }) => audience === asked)) return;
  throw forbidden(request, `audience ${JSON.stringify(asked)} not found in pod spec volume, ${request.user.username} is not authorized to request tokens for this audience`);
}

/** Only volumes that are directories of this node, made for claims that are to have them here. */
function checkVolume(request: AdmissionRequest, node: string, world: AdmissionWorld): void {
  const by = JSON.stringify(node);
  for (const volume of [request.before, request.draft] as (PersistentVolume | undefined)[]) {
    if (!volume) continue;
    if (localNodeOf(volume) !== node) throw forbidden(request, `node ${by} can only modify its own local volumes`);
  }
  if (request.verb !== 'create') return;
  const { claimRef } = (request.draft as PersistentVolume).spec;
  const claim = world.get(persistentVolumeClaims, { namespace: claimRef?.namespace ?? '', name: claimRef?.name ?? '' });
  if (!claim || claim.metadata.uid !== claimRef?.uid || annotationOf(claim, selectedNode) !== node) throw forbidden(request, `node ${by} can only create volumes for claims that are to be on it`);
}

function checkNode(request: AdmissionRequest, node: string): void {
  const name = request.name || request.draft?.metadata.name;
  const by = JSON.stringify(node);
  if (name !== node) throw forbidden(request, `node ${by} is not allowed to modify node ${JSON.stringify(name)}`);
  if (request.verb !== 'update' || request.subresource) return;
  if (ownTaints(request.draft as Node) !== ownTaints(request.before as Node)) throw forbidden(request, `node ${by} is not allowed to modify taints`);
}

/** Without those that the server sets by condition. */
function ownTaints({ spec }: Node): string {
  return JSON.stringify((spec?.taints ?? []).filter((taint) => !isConditionTaint(taint)).map(({ key, value = '', effect }: Taint) => [key, value, effect]).sort());
}

function checkLease(request: AdmissionRequest, node: string): void {
  if (request.namespace !== leaseNamespace) throw forbidden(request, `can only access leases in the ${JSON.stringify(leaseNamespace)} system namespace for kubelet`);
  if ((request.name || request.draft?.metadata.name) !== node) throw forbidden(request, 'can only access node lease with the same name as the requesting node');
}

function sameLabels(a: Readonly<Record<string, string>> = {}, b: Readonly<Record<string, string>> = {}): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}
