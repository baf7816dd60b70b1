// Where a request goes over HTTP: its method, path and query.
import type { ApiRequest, RequestOptions } from './request.ts';

const methods = { get: 'GET', list: 'GET', watch: 'GET', create: 'POST', update: 'PUT', patch: 'PATCH', delete: 'DELETE', deletecollection: 'DELETE', connect: 'GET' } as const;

export function methodOf({ verb }: ApiRequest): string {
  return methods[verb];
}

/** `/apis/apps/v1/namespaces/default/deployments/web/scale?dryRun=All` */
export function pathOf({ verb, resource, namespace, name, subresource, options }: ApiRequest): string {
  const { group, version, plural } = resource;
  const parts = [group ? `/apis/${group}/${version}` : `/api/${version}`];
  if (namespace) parts.push(`namespaces/${encodeURIComponent(namespace)}`);
  parts.push(encodeURIComponent(plural));
  if (name) parts.push(encodeURIComponent(name));
  if (subresource) parts.push(encodeURIComponent(subresource));
  const query = queryOf(options);
  if (verb === 'watch') query.set('watch', 'true');
  const text = query.toString();
  return parts.join('/') + (text ? `?${text}` : '');
}

function queryOf({ query: more = {}, dryRun, ...options }: RequestOptions): URLSearchParams {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(options)) if (value !== undefined) query.set(name, String(value));
  if (dryRun) query.set('dryRun', 'All');
  for (const [name, values] of Object.entries(more)) for (const value of values) query.append(name, value);
  return query;
}
