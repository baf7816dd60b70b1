// From a method and a URL to what is asked for. On the path of every request: no URL object and no regular expression.
import { ApiError } from '../../api/error.ts';
import type { ApiRequest, Verb } from '../../api/request.ts';
import { noQuery, readQuery, valuesByName, type Query } from './query.ts';

export type Route =
  | { readonly type: 'resource'; readonly request: ApiRequest; readonly query: Query }
  /** Health, version, discovery … */
  | { readonly type: 'path'; readonly path: string; readonly query: Query };

/** Throws ApiError BadRequest for a URL or a query that cannot be read. */
export function routeOf(method: string, url: string): Route {
  const mark = url.indexOf('?');
  const path = mark < 0 ? url : url.slice(0, mark);
  const queryText = mark < 0 ? '' : url.slice(mark + 1);
  const parts = path.split('/');
  if (parts.at(-1) === '') parts.pop();
  // ['', 'api', VERSION, …] or ['', 'apis', GROUP, VERSION, …]
  const isCore = parts[1] === 'api';
  const first = isCore ? 3 : 4;
  if ((!isCore && parts[1] !== 'apis') || parts.length <= first) return { type: 'path', path, query: queryOf(queryText) };
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
  if (parts[at] === undefined) throw ApiError.noSuchResource();
  const plural = text(parts[at]!);
  const name = parts[at + 1] === undefined ? undefined : text(parts[at + 1]!);
  const subresource = parts[at + 2] === undefined ? undefined : text(parts[at + 2]!);
  if (isProxied && name !== undefined) {
    // What is asked of whatever answers is none of ours to read.
    const rest = path.split('/').slice(at + 3);
    const request: ApiRequest = { verb: proxiedVerb(method), resource: { group, version, plural }, namespace, name, subresource, path: rest.length === 0 ? '' : `/${rest.join('/')}`, options: { query: valuesByName(new URLSearchParams(queryText)) } };
    return { type: 'resource', request, query: noQuery };
  }
  const query = queryOf(queryText);
  const verb = isWatch && method === 'GET' ? 'watch' : verbOf(method, name, query);
  const request: ApiRequest = { verb, resource: { group, version, plural }, namespace, name, subresource, options: query.options };
  // Deeper than anything of ours lies: only other servers may have something there.
  if (parts.length > at + 3) return { type: 'resource', request: { ...request, path: `/${parts.slice(at + 3).join('/')}` }, query };
  return { type: 'resource', request, query };
}

/** What follows a namespace's name and is not a collection in it. */
const ofNamespaces: ReadonlySet<string> = new Set(['status', 'finalize']);

function queryOf(text: string): Query {
  return text === '' ? noQuery : readQuery(text);
}

/** By which roles tell them apart; `OPTIONS` has none, so only `*` allows it. */
function proxiedVerb(method: string): Verb {
  return method === 'OPTIONS' ? ('' as Verb) : verbOf(method, '', noQuery);
}

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

