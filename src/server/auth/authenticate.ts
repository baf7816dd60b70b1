// Who sends this request? Tried in order, as Kubernetes does: client certificate, bearer token, anonymous.
import { createHash } from 'node:crypto';
import type { UserInfo } from '../../api/kind.ts';
import type { Authenticate, CertificateSubject } from './access.ts';

/** Anonymous requests are let through to these paths only. By the last a machine that joins learns whom it will speak to. */
export const anonymousPaths: readonly string[] = ['/healthz', '/livez', '/readyz', '/version', '/api/v1/namespaces/kube-public/configmaps/cluster-info'];

export const anonymousUser: UserInfo = Object.freeze({
  username: 'system:anonymous',
  groups: Object.freeze(['system:unauthenticated']),
});

export interface AuthenticatorOptions {
  /** Users by their bearer tokens; without system:authenticated, which is added. */
  readonly tokens: ReadonlyMap<string, UserInfo>;
  /** Who says nothing of himself: let in nowhere, to paths, or everywhere (and then roles decide). Default: to those above. */
  readonly anonymous?: { readonly enabled: boolean; readonly paths?: readonly string[] };
}

export function createAuthenticator(options: AuthenticatorOptions): Authenticate {
  const { anonymous = { enabled: true, paths: anonymousPaths } } = options;
  const isOpen = (path: string) => anonymous.enabled && (!anonymous.paths || isOpenToAll(path, anonymous.paths));
  // Found by digest, so that the time a look-up takes tells nothing of the tokens themselves.
  const usersByDigest = new Map([...options.tokens].map(([token, user]) => [digest(token), authenticated(user)]));
  return ({ certificate, authorization, path }) => {
    if (certificate) {
      const user = userOfCertificate(certificate.subject);
      if (user) return user;
    }
    if (authorization !== undefined) {
      const token = bearerToken(authorization);
      return token === undefined ? undefined : usersByDigest.get(digest(token));
    }
    return isOpen(path) ? anonymousUser : undefined;
  };
}

/** The common name is the user, the organizations are the groups; no common name, no user. */
export function userOfCertificate(subject: CertificateSubject): UserInfo | undefined {
  // Of several common names Go's clients and servers take the last.
  const username = many(subject.CN).at(-1);
  return username ? authenticated({ username, groups: many(subject.O) }) : undefined;
}

/** `/healthz` and what lies below it (`/livez/ping`, `/readyz/…`). */
function isOpenToAll(path: string, paths: readonly string[]): boolean {
  const end = path.indexOf('?');
  const bare = end < 0 ? path : path.slice(0, end);
  return paths.some((open) => bare === open || (bare.startsWith(open) && bare[open.length] === '/'));
}

function authenticated(user: UserInfo): UserInfo {
  const groups = user.groups.includes('system:authenticated') ? user.groups : [...user.groups, 'system:authenticated'];
  return Object.freeze({ ...user, groups: Object.freeze(groups) });
}

/** Undefined: no bearer token, or an empty one. */
export function bearerToken(authorization: string): string | undefined {
  const match = /^bearer +(\S+) *$/i.exec(authorization);
  return match?.[1];
}

function digest(token: string): string {
  return createHash('sha256').update(token).digest('base64');
}

function many(value: string | readonly string[] | undefined): readonly string[] {
  return value === undefined ? [] : typeof value === 'string' ? [value] : value;
}
