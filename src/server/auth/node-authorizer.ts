// What a node may do with objects that are one node's or another's, as upstream's node authorizer has it: only with its own. What a
// write leaves of them is for NodeRestriction to say.
import { parseFieldSelector } from '../../api/selectors.ts';
import { nodeField } from '../../api/storage/claims.ts';
import type { ResourceAccess } from './access.ts';
import type { NodeGraph } from './node-graph.ts';

const userPrefix = 'system:node:';
const leaseNamespace = 'kube-node-lease';
const own: readonly string[] = ['create', 'delete', 'get', 'patch', 'update'];

/** Why not; '' where it may. Undefined: this is nothing that is one node's, or nobody's node asks, so rules decide. */
export function nodeRefusal(graph: NodeGraph, access: ResourceAccess): string | undefined {
  const { user, resource } = access;
  if (!user.username.startsWith(userPrefix) || !user.groups.includes('system:nodes')) return undefined;
  const node = user.username.slice(userPrefix.length);
  if (node === '') return `unknown node for user ${JSON.stringify(user.username)}`;
  switch (`${resource.group}/${resource.plural}`) {
    case '/secrets': case '/configmaps': return ofReads(graph, node, access);
    case '/serviceaccounts': return access.subresource ? ofToken(graph, node, access) : ofReads(graph, node, access);
    case '/persistentvolumeclaims': return access.subresource === 'status' ? ofClaimStatus(graph, node, access) : ofStorage(graph, node, access, false);
    case '/persistentvolumes': return ofStorage(graph, node, access, true);
    case 'resource.k8s.io/resourceclaims': case 'storage.k8s.io/volumeattachments': return ofGet(graph, node, access);
    case 'coordination.k8s.io/leases': return ofLease(node, access);
    case 'storage.k8s.io/csinodes': return ofCsiNode(node, access);
    case 'resource.k8s.io/resourceslices': return ofSlice(graph, node, access);
    case '/nodes': return ofNode(node, access);
    case '/pods': return ofPod(graph, node, access);
    default: return undefined;
  }
}

function related(graph: NodeGraph, node: string, { resource, namespace = '', name }: ResourceAccess): string {
  if (!name) return 'No Object name found';
  return graph.isRelated(node, resource.plural, namespace, name) ? '' : `no relationship found between node '${node}' and this object`;
}

function ofReads(graph: NodeGraph, node: string, access: ResourceAccess): string {
  if (!['get', 'list', 'watch'].includes(access.verb)) return 'can only read resources of this type';
  if (access.subresource) return 'cannot read subresource';
  if (!access.namespace) return 'can only read namespaced object of this type';
  return related(graph, node, access);
}

function ofGet(graph: NodeGraph, node: string, access: ResourceAccess): string {
  if (access.verb !== 'get') return 'can only get individual resources of this type';
  return access.subresource ? 'cannot get subresource' : related(graph, node, access);
}

/** Beside upstream's: a node may follow single ones, and those for which it is to make a directory, or has; and write the latter. */
function ofStorage(graph: NodeGraph, node: string, access: ResourceAccess, mayWrite: boolean): string {
  if (!access.subresource && (access.verb === 'list' || access.verb === 'watch')) {
    if (selects(access, nodeField, node)) return '';
    if (access.name) return related(graph, node, access);
  }
  return mayWrite && !access.subresource && ['create', 'update', 'patch', 'delete'].includes(access.verb) ? '' : ofGet(graph, node, access);
}

function ofClaimStatus(graph: NodeGraph, node: string, access: ResourceAccess): string {
  return access.verb === 'update' || access.verb === 'patch' ? related(graph, node, access) : 'can only get/update/patch this type';
}

function ofToken(graph: NodeGraph, node: string, access: ResourceAccess): string {
  if (access.verb !== 'create' || !access.name) return 'can only create tokens for individual service accounts';
  return access.subresource === 'token' ? related(graph, node, access) : 'can only create token subresource of serviceaccount';
}

function ofLease(node: string, { verb, namespace, name }: ResourceAccess): string {
  if (!own.includes(verb)) return 'can only get, create, update, patch, or delete a node lease';
  if (namespace !== leaseNamespace) return `can only access leases in the "${leaseNamespace}" system namespace`;
  return verb === 'create' || name === node ? '' : 'can only access node lease with the same name as the requesting node';
}

function ofCsiNode(node: string, { verb, subresource, name }: ResourceAccess): string {
  if (!own.includes(verb)) return 'can only get, create, update, patch, or delete a CSINode';
  if (subresource) return 'cannot authorize CSINode subresources';
  return verb === 'create' || name === node ? '' : 'can only access CSINode with the same name as the requesting node';
}

function ofSlice(graph: NodeGraph, node: string, access: ResourceAccess): string {
  if (access.subresource) return 'cannot authorize ResourceSlice subresources';
  switch (access.verb) {
    case 'create': return '';
    case 'get': case 'update': case 'patch': case 'delete': return related(graph, node, access);
    case 'list': case 'watch': case 'deletecollection':
      return selects(access, 'spec.nodeName', node) ? '' : 'can only list/watch/deletecollection resourceslices with nodeName field selector';
    default: return 'only the following verbs are allowed for a ResourceSlice: get, watch, list, create, update, patch, delete, deletecollection';
  }
}

function ofNode(node: string, { verb, subresource, name }: ResourceAccess): string | undefined {
  if (subresource) return subresource === 'status' && (verb === 'update' || verb === 'patch') ? '' : undefined;
  switch (verb) {
    case 'create': case 'update': case 'patch': return '';
    case 'get': case 'list': case 'watch':
      if (name === node) return '';
      return name ? `node '${node}' cannot read '${name}', only its own Node object` : `node '${node}' cannot read all nodes, only its own Node object`;
    default: return undefined;
  }
}

function ofPod(graph: NodeGraph, node: string, access: ResourceAccess): string | undefined {
  const { verb, subresource, namespace = '', name } = access;
  switch (`${subresource ?? ''} ${verb}`) {
    // Of one that has gone it must hear just that.
    case ' get': return name && !graph.hasPod(namespace, name) ? '' : ofGet(graph, node, access);
    case ' list': case ' watch':
      if (selects(access, 'spec.nodeName', node)) return '';
      return name ? related(graph, node, access) : 'can only list/watch pods with spec.nodeName field selector';
    case ' create': case ' delete': case 'status update': case 'status patch': case 'eviction create': return '';
    default: return undefined;
  }
}

function selects({ fieldSelector }: ResourceAccess, field: string, value: string): boolean {
  if (!fieldSelector?.includes(field)) return false;
  try {
    return parseFieldSelector(fieldSelector).some((term) => term.field === field && term.operator === '=' && term.value === value);
  } catch {
    return false; // which the request itself will be told
  }
}
