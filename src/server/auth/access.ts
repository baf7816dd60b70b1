// What is asked before a request is served: who are you, and may you do this.
import type { ResourceName } from '../../api/request.ts';
import type { UserInfo } from '../../api/kind.ts';
import type { NodeGraph } from './node-graph.ts';
import type { RoleIndex } from './role-index.ts';

export interface ResourceAccess {
  readonly user: UserInfo;
  /** The API's verb in lower case; `connect` counts as `create`. */
  readonly verb: string;
  readonly resource: Pick<ResourceName, 'group' | 'plural'>;
  readonly subresource?: string;
  readonly namespace?: string;
  readonly name?: string;
  /** Of a list, a watch or the deletion of a collection: by what it is narrowed. */
  readonly fieldSelector?: string;
}

/** Access to a path that is no resource: /version, /metrics … */
export interface PathAccess {
  readonly user: UserInfo;
  /** The HTTP method in lower case. */
  readonly verb: string;
  readonly path: string;
}

export type Access = ResourceAccess | PathAccess;

/** `why` is a whole clause, fit for ApiError.forbidden: `User "x" cannot list resource "pods" …`. */
export type Decision = { readonly allowed: true; /** For those who ask: by which binding. */ readonly reason?: string } | { readonly allowed: false; readonly why: string; readonly reason?: string };

export interface Authorize {
  (access: Access): Decision;
  /** What it decides by beside what is built in; absent: nothing. */
  readonly roles?: RoleIndex;
  /** What nodes may read by the Pods that are theirs; absent: they have no such rights. */
  readonly nodeGraph?: NodeGraph;
  /** What a user may do in a namespace, for those who ask about themselves; absent: it cannot be listed. */
  readonly rulesFor?: (user: UserInfo, namespace: string) => AccessRules;
}

export interface AccessRules {
  readonly rules: readonly AccessRule[];
  /** True: there may be more that the user may do. */
  readonly incomplete: boolean;
  readonly error?: string;
}

/** Either of resources or of paths, in the words of rbac.authorization.k8s.io/v1. */
export interface AccessRule {
  readonly verbs: readonly string[];
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
}

/** What a request says of its sender. */
export interface Credentials {
  /** The subject of a client certificate that the TLS layer has verified against the cluster's authority. */
  readonly certificate?: { readonly subject: CertificateSubject };
  /** The Authorization header as it came. */
  readonly authorization?: string;
  /** Decides whether an anonymous request is let through. */
  readonly path: string;
}

/** As `tls.TLSSocket#getPeerCertificate().subject` has it: a name that occurs twice is an array. */
export interface CertificateSubject {
  readonly CN?: string | readonly string[];
  readonly O?: string | readonly string[];
}

/** Undefined: answer 401. */
export type Authenticate = (credentials: Credentials) => UserInfo | undefined;
