// `nodes/NAME/proxy/…`: a node's own pages through the API server.
//
// Who may use the proxy may see all of them. As at a kubelet's own port, who may read nodes/stats, nodes/metrics or nodes/log
// (or nodes/healthz, nodes/configz, nodes/pods) may see just those.
import { ApiError } from '../api/error.ts';
import { nodes as nodeKind } from '../api/kinds/index.ts';
import type { UserInfo } from '../api/kind.ts';
import type { NodePage, NodeServices } from '../api/node-service.ts';
import type { ApiRequest } from '../api/request.ts';
import type { Authorize } from './auth/access.ts';
import { get, type Registry } from './registry/registry.ts';

export type NodeProxy = (request: ApiRequest, user: UserInfo, signal: AbortSignal) => Promise<NodePage>;

export function createNodeProxy(registry: Registry, nodes: NodeServices, authorize: Authorize): NodeProxy {
  return async (request, user, signal) => {
    const { verb, resource, path = '/', options } = request;
    const name = nodeName(request.name ?? '');
    const access = { user, verb, resource, name };
    const decision = authorize({ ...access, subresource: 'proxy' });
    if (!decision.allowed && !subresourcesOf(path).some((subresource) => authorize({ ...access, subresource }).allowed)) throw ApiError.forbidden(nodeKind, name, decision.why);
    get(registry, registry.cache.of(nodeKind).kind, '', name);
    const service = nodes(name);
    if (!service) throw ApiError.unavailable(`error trying to reach service: the node ${JSON.stringify(name)} cannot be reached`);
    if (verb !== 'get') throw new ApiError(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {});
    const query = new URLSearchParams(Object.entries(options.query ?? {}).flatMap(([key, values]) => values.map((value): [string, string] => [key, value])));
    return service.page(decoded(path), query, signal);
  };
}

/** Also `https:NAME:10250`, by which some clients name the port of the kubelet. */
function nodeName(text: string): string {
  return text.replace(/^https?:/, '').replace(/:\d*$/, '');
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    throw ApiError.badRequest(`the path ${JSON.stringify(path)} is not properly escaped`);
  }
}

function subresourcesOf(path: string): readonly string[] {
  const [, first = ''] = path.split('/');
  switch (first) {
    case 'stats':
    case 'peapod':
      return ['stats'];
    case 'metrics':
      return ['metrics'];
    case 'logs':
      return ['log'];
    case 'healthz':
    case 'configz':
      return [first];
    case 'pods':
    case 'runningpods':
      return ['pods'];
    default:
      return [];
  }
}
