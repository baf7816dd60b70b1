// What a service account's token says, in Kubernetes' claims, and who that is. Pure.
import { nodes, pods, secrets, serviceAccounts } from '../../api/kinds/index.ts';
import type { Resource, UserInfo } from '../../api/kind.ts';
import type { KubeObject } from '../../api/types.ts';
import { parseTime } from '../../base/clock.ts';
import type { AdmissionWorld } from '../admission/admission.ts';

export interface ObjectRef {
  readonly name: string;
  /** Absent only of a node that is not there. */
  readonly uid?: string;
}

/** All times in whole seconds since the Unix epoch. */
export interface TokenClaims {
  readonly iss: string;
  readonly sub: string;
  readonly aud: readonly string[];
  readonly iat: number;
  readonly nbf: number;
  readonly exp: number;
  readonly jti: string;
  readonly 'kubernetes.io': {
    readonly namespace: string;
    readonly serviceaccount: ObjectRef;
    readonly pod?: ObjectRef;
    readonly secret?: ObjectRef;
    readonly node?: ObjectRef;
    /** From here on its holder should have had a new one. */
    readonly warnafter?: number;
  };
}

/** Who issues the tokens; also the audience of the API server itself. As kubeadm has it. */
export const issuer = 'https://kubernetes.default.svc.cluster.local';

/** Clocks differ, and what is being deleted may need its token to the last. */
export const leewaySeconds = 60;

export function subjectOf(namespace: string, name: string): string {
  return `system:serviceaccount:${namespace}:${name}`;
}

export function userOf(claims: TokenClaims): UserInfo {
  const { namespace, serviceaccount, pod, node } = claims['kubernetes.io'];
  const extra: Record<string, readonly string[]> = { 'authentication.kubernetes.io/credential-id': [`JTI=${claims.jti}`] };
  for (const [what, ref] of [['pod', pod], ['node', node]] as const) {
    if (!ref) continue;
    extra[`authentication.kubernetes.io/${what}-name`] = [ref.name];
    if (ref.uid) extra[`authentication.kubernetes.io/${what}-uid`] = [ref.uid];
  }
  return Object.freeze({
    username: subjectOf(namespace, serviceaccount.name),
    uid: serviceaccount.uid,
    groups: Object.freeze(['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated']),
    extra: Object.freeze(extra),
  });
}

/** Whether it is the time of these claims, and all that they are bound to is still there and still the same. */
export function isStanding(claims: TokenClaims, world: Pick<AdmissionWorld, 'get'>, nowMs: number): boolean {
  const nowSeconds = nowMs / 1000;
  if (nowSeconds > claims.exp + leewaySeconds || nowSeconds < claims.nbf - leewaySeconds) return false;
  const { namespace, serviceaccount, pod, secret, node } = claims['kubernetes.io'];
  const stands = (of: Resource, ref: ObjectRef, within: string) => {
    const object: KubeObject | undefined = world.get(of, { namespace: within, name: ref.name });
    if (!object || object.metadata.uid !== ref.uid) return false;
    const { deletionTimestamp } = object.metadata;
    return !deletionTimestamp || parseTime(deletionTimestamp) / 1000 >= nowSeconds - leewaySeconds;
  };
  return (
    stands(serviceAccounts, serviceaccount, namespace) &&
    (!secret || stands(secrets, secret, namespace)) &&
    (!pod || stands(pods, pod, namespace)) &&
    // A Pod's token names its node only to tell of it.
    (!node || !!pod || stands(nodes, node, ''))
  );
}
