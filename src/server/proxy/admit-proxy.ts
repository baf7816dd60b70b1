// What admission says of a proxied request: of those to the pages of a node's own agent, too.
import { connectOptions, queryOf } from '../../api/connect-options.ts';
import type { Kind, UserInfo } from '../../api/kind.ts';
import type { ApiRequest } from '../../api/request.ts';
import { admitConnection, type Registry } from '../registry/registry.ts';

/** The path that may be asked for. Throws ApiError. */
export async function admitProxy(registry: Registry, kind: Kind, { namespace = '', path = '', annotate }: ApiRequest, name: string, user: UserInfo): Promise<string> {
  const asked = { path: [path] };
  const options = await admitConnection(registry, { kind, subresource: 'proxy', namespace, name, user, annotate }, connectOptions(kind.plural, 'proxy', asked));
  return queryOf(kind.plural, 'proxy', options, asked)['path']?.[0] ?? '';
}
