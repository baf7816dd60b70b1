// What a Pod's node answers through the API server: logs, exec, attach, port-forward.
import { connectOptions, isSet, parametersOf, queryOf } from '../api/connect-options.ts';
import { ApiError } from '../api/error.ts';
import type { UserInfo } from '../api/kind.ts';
import type { LogOptions, NodeService, NodeServices, PodTarget } from '../api/node-service.ts';
import type { ApiRequest } from '../api/request.ts';
import { decodeTime } from '../api/schema/scalars.ts';
import type { Pod } from '../api/types.ts';
import type { Api } from './api.ts';
import { admitConnection } from './registry/registry.ts';
import type { StreamKind, StreamTarget } from './streams/streams.ts';

/** The chunks of a log; empty for a Pod that has no node yet. Throws ApiError. */
export function openLog(api: Api, nodes: NodeServices, request: ApiRequest, user: UserInfo, signal: AbortSignal): AsyncIterable<Uint8Array> {
  const pod = api.connect({ ...request, subresource: 'log' }, user).object as Pod;
  const query = request.options.query ?? {};
  const options = logOptions(query);
  const container = containerOf(pod, query['container']?.[0]);
  return pod.spec.nodeName ? serviceOf(nodes, pod).logs(targetOf(pod), container, options, signal) : nothing();
}

/** Where exec, attach and port-forward lead. Throws ApiError. */
export async function streamTarget(api: Api, nodes: NodeServices, request: ApiRequest, user: UserInfo): Promise<StreamTarget> {
  const { kind, object } = api.connect({ ...request, verb: 'connect' }, user);
  if (kind.plural !== 'pods') throw ApiError.badRequest('only what a Pod has can be streamed');
  const pod = object as Pod;
  const stream = request.subresource as StreamKind | 'log';
  if (stream === 'log') throw ApiError.badRequest('logs are not served over an upgraded connection');
  const { namespace = '', name } = pod.metadata;
  const asked = request.options.query ?? {};
  const options = await admitConnection(api.registry, { kind, subresource: stream, namespace, name, user, annotate: request.annotate }, connectOptions('pods', stream, asked));
  if (!pod.spec.nodeName) throw ApiError.badRequest(`pod ${name} does not have a host assigned`);
  const query = parametersOf(queryOf('pods', stream, options, asked));
  const container = stream === 'portforward' ? undefined : containerOf(pod, query.get('container') ?? undefined);
  return { kind: stream, pod: targetOf(pod), container, service: serviceOf(nodes, pod), query };
}

export async function textOf(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all).toString();
}

function targetOf({ metadata: { namespace = '', name, uid } }: Pod): PodTarget {
  return { namespace, name, uid };
}

function serviceOf(nodes: NodeServices, { spec }: Pod): NodeService {
  const service = nodes(spec.nodeName!);
  if (!service) throw new ApiError(500, 'InternalError', `Internal error occurred: the node ${JSON.stringify(spec.nodeName)} cannot be reached`);
  return service;
}

/** The one that is named, or the only one. */
function containerOf({ metadata: { name }, spec }: Pod, wanted: string | undefined): string {
  const { containers, initContainers = [], ephemeralContainers = [] } = spec;
  if (wanted) {
    if ([...containers, ...initContainers, ...ephemeralContainers].some((container) => container.name === wanted)) return wanted;
    throw ApiError.badRequest(`container ${wanted} is not valid for pod ${name}`);
  }
  if (containers.length === 1) return containers[0]!.name;
  const names = (list: readonly { readonly name: string }[]) => `[${list.map((container) => container.name).join(' ')}]`;
  const others = [
    ...(initContainers.length > 0 ? [` or one of the init containers: ${names(initContainers)}`] : []),
    ...(ephemeralContainers.length > 0 ? [` or one of the ephemeral containers: ${names(ephemeralContainers)}`] : []),
  ];
  throw ApiError.badRequest(`a container name must be specified for pod ${name}, choose one of: ${names(containers)}${others.join('')}`);
}

/** Throws ApiError for values that cannot be read. */
export function logOptions(query: Readonly<Record<string, readonly string[]>>): LogOptions {
  const causes: { reason: string; field: string; message: string }[] = [];
  const refuse = (field: string, message: string) => void causes.push({ reason: 'FieldValueInvalid', field, message: `Invalid value: ${message}` });
  const text = (name: string) => query[name]?.[0] || undefined;
  const flag = (name: string) => isSet(query[name]?.[0]);
  const integer = (name: string, least: number) => {
    const value = text(name);
    if (value === undefined) return undefined;
    if (!/^-?\d{1,18}$/.test(value)) throw ApiError.badRequest(`strconv.ParseInt: parsing ${JSON.stringify(value)}: invalid syntax`);
    if (Number(value) < least) refuse(name, `${value}: must be greater than ${least === 0 ? 'or equal to 0' : 0}`);
    return Number(value);
  };
  const time = (name: string) => {
    const value = text(name);
    const read = value === undefined ? undefined : decodeTime(value);
    if (typeof read === 'object' && read !== null && 'error' in read) throw ApiError.badRequest(String(read.error));
    return value;
  };
  const options: LogOptions = {
    follow: flag('follow'),
    previous: flag('previous'),
    timestamps: flag('timestamps'),
    sinceSeconds: integer('sinceSeconds', 1),
    sinceTime: time('sinceTime'),
    tailLines: integer('tailLines', 0),
    limitBytes: integer('limitBytes', 1),
    stream: text('stream') as LogOptions['stream'],
  };
  if (options.sinceSeconds !== undefined && options.sinceTime !== undefined) refuse('sinceSeconds', `${options.sinceSeconds}: at most one of \`sinceTime\` or \`sinceSeconds\` may be specified`);
  if (options.stream !== undefined && !['All', 'Stdout', 'Stderr'].includes(options.stream)) refuse('stream', `${JSON.stringify(options.stream)}: must be one of All, Stdout, Stderr`);
  if (causes.length > 0) throw ApiError.invalid({ group: '', kind: 'PodLogOptions' }, '', causes);
  return options;
}

async function* nothing(): AsyncGenerator<Uint8Array> {}
