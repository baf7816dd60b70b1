// Tokens that lie in Secrets of type kubernetes.io/service-account-token: without an end, and good for as long as the Secret
// holds them. Pure.
import { secrets, serviceAccounts } from '../../api/kinds/index.ts';
import type { UserInfo } from '../../api/kind.ts';
import type { KubeObject, Secret } from '../../api/types.ts';
import type { AdmissionWorld } from '../admission/admission.ts';
import { subjectOf } from './token-claims.ts';

export const legacyIssuer = 'kubernetes/serviceaccount';
const prefix = 'kubernetes.io/serviceaccount/';
/** A Secret with this label, whatever its date, is good for nothing until the label goes. */
const invalidSince = 'kubernetes.io/legacy-token-invalid-since';

export interface LegacyToken {
  readonly namespace: string;
  readonly account: { readonly name: string; readonly uid: string };
  readonly secret: string;
}

export function legacyClaims({ namespace, account, secret }: LegacyToken): Record<string, string> {
  return {
    [`${prefix}namespace`]: namespace,
    [`${prefix}secret.name`]: secret,
    [`${prefix}service-account.name`]: account.name,
    [`${prefix}service-account.uid`]: account.uid,
    sub: subjectOf(namespace, account.name),
  };
}

/** Undefined: the claims are not whole, or say two things. */
export function readLegacyClaims(claims: Readonly<Record<string, unknown>>): LegacyToken | undefined {
  const said = (name: string) => {
    const value = claims[prefix + name];
    return typeof value === 'string' ? value : '';
  };
  const [namespace, secret, name, uid] = [said('namespace'), said('secret.name'), said('service-account.name'), said('service-account.uid')];
  if (!namespace || !secret || !name || !uid || claims['sub'] !== subjectOf(namespace, name)) return undefined;
  return { namespace, secret, account: { name, uid } };
}

export function legacyUser({ namespace, account: { name, uid } }: LegacyToken): UserInfo {
  return Object.freeze({ username: subjectOf(namespace, name), uid, groups: Object.freeze(['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated']) });
}

/** The Secret that holds the token now, of an account that is there and still the same; undefined: the token is worth nothing. */
export function holdingSecret(text: string, { namespace, account, secret: name }: LegacyToken, world: Pick<AdmissionWorld, 'get'>): Secret | undefined {
  const isThere = (object: KubeObject | undefined) => object !== undefined && !object.metadata.deletionTimestamp;
  const secret = world.get(secrets, { namespace, name });
  if (!isThere(secret) || secret!.metadata.labels?.[invalidSince] !== undefined) return undefined;
  if (secret!.data?.['token'] !== Buffer.from(text).toString('base64')) return undefined;
  const owner = world.get(serviceAccounts, { namespace, name: account.name });
  return isThere(owner) && owner!.metadata.uid === account.uid ? secret : undefined;
}
