// Acting as someone else (`kubectl --as`): who may, and who they then are. A request that asks for it is never served as
// the one who sent it.
import { ApiError } from '../../api/error.ts';
import type { UserInfo } from '../../api/kind.ts';
import type { Authorize, ResourceAccess } from './access.ts';

const prefix = 'impersonate-';
const extraPrefix = `${prefix}extra-`;
const letterI = 'i'.charCodeAt(0);
const serviceAccountPrefix = 'system:serviceaccount:';

/**
 * The user as whom a request is served. `rawHeaders` are names and values in turn, as they came, so that a header that
 * occurs twice stays two. Throws ApiError when the sender may not be that user.
 */
export function impersonated(sender: UserInfo, rawHeaders: readonly string[], authorize: Authorize): UserInfo {
  const asked = readHeaders(rawHeaders);
  if (!asked) return sender;
  const { username, uid, groups, extra } = asked;
  const check = (access: Pick<ResourceAccess, 'resource' | 'subresource' | 'namespace' | 'name'>) => {
    const decision = authorize({ user: sender, verb: 'impersonate', ...access });
    if (!decision.allowed) throw ApiError.forbidden(access.resource, access.name ?? '', decision.why);
  };
  const account = serviceAccountOf(username);
  if (account) check({ resource: { group: '', plural: 'serviceaccounts' }, ...account });
  else check({ resource: { group: '', plural: 'users' }, name: username });
  for (const name of groups) check({ resource: { group: '', plural: 'groups' }, name });
  if (uid !== undefined) check({ resource: { group: 'authentication.k8s.io', plural: 'uids' }, name: uid });
  for (const [key, values] of Object.entries(extra)) for (const name of values) check({ resource: { group: 'authentication.k8s.io', plural: 'userextras' }, subresource: key, name });

  const own = account && groups.length === 0 ? ['system:serviceaccounts', `system:serviceaccounts:${account.namespace}`] : [];
  const everyone = username === 'system:anonymous' ? 'system:unauthenticated' : 'system:authenticated';
  const all = new Set([...groups, ...own, ...(groups.includes('system:unauthenticated') ? [] : [everyone])]);
  return Object.freeze({ username, ...(uid === undefined ? {} : { uid }), groups: Object.freeze([...all]), ...(Object.keys(extra).length ? { extra } : {}) });
}

interface Asked {
  readonly username: string;
  readonly uid: string | undefined;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

/** Undefined: nothing of the sort is asked. */
function readHeaders(rawHeaders: readonly string[]): Asked | undefined {
  let username: string | undefined;
  let uid: string | undefined;
  const groups: string[] = [];
  const extra = Object.create(null) as Record<string, string[]>;
  let isAsked = false;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    // Every request comes through here: most names are told by their first letter.
    if ((rawHeaders[index]!.charCodeAt(0) | 0x20) !== letterI) continue;
    const name = rawHeaders[index]!.toLowerCase();
    if (!name.startsWith(prefix)) continue;
    isAsked = true;
    const value = rawHeaders[index + 1]!;
    if (name === 'impersonate-user') username ??= value || undefined;
    else if (name === 'impersonate-uid') uid ??= value || undefined;
    else if (name === 'impersonate-group') groups.push(value);
    else if (name.startsWith(extraPrefix)) (extra[unescaped(name.slice(extraPrefix.length))] ??= []).push(value);
    else throw ApiError.badRequest(`the header ${rawHeaders[index]} is not known`);
  }
  if (!isAsked) return undefined;
  if (username === undefined) throw ApiError.badRequest('a group, uid or extra was to be impersonated without impersonating a user');
  return { username, uid, groups, extra };
}

function serviceAccountOf(username: string): { namespace: string; name: string } | undefined {
  if (!username.startsWith(serviceAccountPrefix)) return undefined;
  const [namespace, name, ...more] = username.slice(serviceAccountPrefix.length).split(':');
  return namespace && name && more.length === 0 ? { namespace, name } : undefined;
}

function unescaped(key: string): string {
  try {
    return decodeURIComponent(key);
  } catch {
    return key;
  }
}
