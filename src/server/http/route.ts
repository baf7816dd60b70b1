// From a method and a URL to what is asked for. On the path of every request: no URL object and no regular expression.
import { ApiError } from '../../api/error.ts';
import type { ApiRequest, Verb } from '../../api/request.ts';
import { noQuery, readQuery, type Query } from './query.ts';

export type Route =
  | { readonly type: 'resource'; readonly request: ApiRequest; readonly query: Query }
  /** Health, version, discovery … */
  | { readonly type: 'path'; readonly path: string; readonly query: Query };

/** Throws ApiError BadRequest for a URL or a query that cannot be read. */
export function routeOf(method: string, url: string): Route {
  const mark = url.indexOf('?');
  const path = mark < 0 ? url : url.slice(0, mark);
  const query = mark < 0 ? noQuery : readQuery(url.slice(mark + 1));
  const parts = path.split('/');
  if (parts.at(-1) === '') parts.pop();
  // ['', 'api', VERSION, …] or ['', 'apis', GROUP, VERSION, …]
  const isCore = parts[1] === 'api';
  const first = isCore ? 3 : 4;
  if ((!isCore && parts[1] !== 'apis') || parts.length <= first) return { type: 'path', path, query };
  const group = isCore ? '' : text(parts[2]!);
  const version = text(parts[first - 1]!);
  const isWatch = parts[first] === 'watch'; // the way to watch before ?watch=true
  let at = isWatch ? first + 1 : first;
  let namespace: string | undefined;
  if (parts[at] === 'namespaces' && parts.length > at + 2 && !ofNamespaces.has(parts[at + 2]!)) {
    namespace = text(parts[at + 1]!);
    at += 2;
  }
  const isProxied = parts[at + 2] === 'proxy';
  if ((parts.length > at + 3 && !isProxied) || parts[at] === undefined) throw ApiError.noSuchResource();
  const plural = text(parts[at]!);
  const name = parts[at + 1] === undefined ? undefined : text(parts[at + 1]!);
  const subresource = parts[at + 2] === undefined ? undefined : text(parts[at + 2]!);
  const verb = isWatch && method === 'GET' ? 'watch' : verbOf(method, name, query);
  const proxied = isProxied ? { path: `/${path.split('/').slice(at + 3).join('/')}` } : undefined;
  const request: ApiRequest = { ...proxied, verb, resource: { group, version, plural }, namespace, name, subresource, options: query.options };
  return { type: 'resource', request, query };
}

/** What follows a namespace's name and is not a collection in it. */
const ofNamespaces: ReadonlySet<string> = new Set(['status', 'finalize']);

function verbOf(method: string, name: string | undefined, query: Query): Verb {
  switch (method) {
    case 'GET':
    case 'HEAD':
      return query.watch ? 'watch' : name === undefined ? 'list' : 'get';
    case 'POST':
      return 'create';
    case 'PUT':
      return 'update';
    case 'PATCH':
      return 'patch';
    case 'DELETE':
      return name === undefined ? 'deletecollection' : 'delete';
    default:
      throw new ApiError(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {});
  }
}

function text(part: string): string {
  if (part === '') throw ApiError.noSuchResource();
  if (!part.includes('%')) return part;
  try {
    return decodeURIComponent(part);
  } catch {
    throw ApiError.badRequest(`the path segment ${JSON.stringify(part)} is not properly escaped`);
  }
}

