// `nodes/NAME/proxy/…`: a node's own pages through the API server.
//
// Who may use the proxy may see all of them. As at a kubelet's own port, who may read nodes/stats, nodes/metrics or nodes/log
// (or nodes/healthz, nodes/configz, nodes/pods) may see just those.
import { parametersOf } from '../api/connect-options.ts';
import { ApiError } from '../api/error.ts';
import { nodes as nodeKind, pods as podKind } from '../api/kinds/index.ts';
import type { UserInfo } from '../api/kind.ts';
import type { NodePage, NodeService, NodeServices } from '../api/node-service.ts';
import type { ApiRequest } from '../api/request.ts';
import type { Pod } from '../api/types.ts';
import type { Authorize } from './auth/access.ts';
import { logOptions } from './pod-streams.ts';
import { admitProxy } from './proxy/admit-proxy.ts';
import { get, type Registry } from './registry/registry.ts';

export type NodeProxy = (request: ApiRequest, user: UserInfo, signal: AbortSignal) => Promise<NodePage>;

export function createNodeProxy(registry: Registry, nodes: NodeServices, authorize: Authorize): NodeProxy {
  return async (request, user, signal) => {
    const { verb, resource, options } = request;
    const name = nodeName(request.name ?? '');
    const access = { user, verb, resource, name };
    const decision = authorize({ ...access, subresource: 'proxy' });
    if (!decision.allowed && !subresourcesOf(request.path ?? '/').some((subresource) => authorize({ ...access, subresource }).allowed)) throw ApiError.forbidden(nodeKind, name, decision.why);
    const { kind } = registry.cache.of(nodeKind);
    get(registry, kind, '', name);
    const path = await admitProxy(registry, kind, request, name, user);
    const service = nodes(name);
    if (!service) throw ApiError.unavailable(`error trying to reach service: the node ${JSON.stringify(name)} cannot be reached`);
    if (verb !== 'get') throw new ApiError(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {});
    const query = parametersOf(options.query ?? {});
    const log = /^\/containerLogs\/([^/]+)\/([^/]+)\/([^/]+)$/.exec(path);
    if (log) return { code: 200, type: 'text/plain', body: containerLog(registry, service, name, log.slice(1).map(decoded), options.query ?? {}, signal) };
    return service.page(decoded(path), query, signal);
  };
}

function containerLog(registry: Registry, service: NodeService, node: string, [namespace = '', name = '', container = '']: readonly string[], query: Readonly<Record<string, readonly string[]>>, signal: AbortSignal) {
  const pod = registry.cache.of(podKind).get(namespace, name)?.object as Pod | undefined;
  if (pod?.spec.nodeName !== node) throw new ApiError(404, 'NotFound', `pod ${JSON.stringify(name)} does not exist`);
  const { containers, initContainers = [], ephemeralContainers = [] } = pod.spec;
  if (![...containers, ...initContainers, ...ephemeralContainers].some((one) => one.name === container)) throw new ApiError(404, 'NotFound', `container ${JSON.stringify(container)} not found in pod ${JSON.stringify(name)}`);
  return service.logs({ namespace, name, uid: pod.metadata.uid }, container, logOptions(query), signal);
}

/** Without a port, or with that of the kubelet, which some clients name (`https:NAME:10250`): the node's own pages. */
export function isAgents({ name = '' }: ApiRequest): boolean {
  return /^(https?:)?[^:]*(:(10250)?)?$/.test(name);
}

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
