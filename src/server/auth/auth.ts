// Who asks, and whether they may: the two questions the server puts before every request.
import type { UserInfo } from '../../api/kind.ts';

/** What a connection or a request shows of its sender. */
export interface Credentials {
  /** The subject of a client certificate that TLS has verified against the client CA. */
  readonly certificate?: { readonly commonName: string; readonly organizations: readonly string[] };
  readonly bearerToken?: string;
}

/** Undefined: the credentials prove nothing, and the answer is 401 (or the anonymous user where a path is open to all). */
export type Authenticate = (credentials: Credentials) => UserInfo | undefined;

export type AccessRequest =
  | {
      readonly type: 'resource';
      readonly user: UserInfo;
      readonly verb: string;
      readonly group: string;
      readonly resource: string;
      readonly subresource?: string;
      /** '' for all namespaces or none. */
      readonly namespace: string;
      /** '' when the request names no object. */
      readonly name: string;
    }
  | { readonly type: 'path'; readonly user: UserInfo; readonly verb: string; readonly path: string };

export type AccessDecision = { readonly allowed: true } | { readonly allowed: false; readonly why: string };

/** Called for every request: it must be cheap. `why` is Kubernetes' words after `is forbidden: `. */
export type Authorize = (request: AccessRequest) => AccessDecision;

export const anonymousUser: UserInfo = { username: 'system:anonymous', groups: ['system:unauthenticated'] };

/** Paths that answer without authentication. */
export const openPaths: ReadonlySet<string> = new Set(['/healthz', '/livez', '/readyz', '/version']);
