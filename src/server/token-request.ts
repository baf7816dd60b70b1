// `POST serviceaccounts/NAME/token`: a token for the account, for some time and audience, as long as what it is bound to lives.
import { ApiError, type FieldCause } from '../api/error.ts';
import { nodes, pods, secrets, serviceAccounts } from '../api/kinds/index.ts';
import { Report } from '../api/kinds/validation/report.ts';
import type { KubeObject, TokenRequest } from '../api/types.ts';
import { formatTime } from '../base/clock.ts';
import type { SubresourceAnswer } from './api.ts';
import type { ServiceAccountTokens } from './auth/service-account-tokens.ts';
import { issuer, subjectOf, type TokenClaims } from './auth/token-claims.ts';
import { receiveAs } from './registry/receive.ts';
import { admit, get, mutate, type Registry } from './registry/registry.ts';
import { shapeOf } from './registry/subresource.ts';

const group = { group: 'authentication.k8s.io', kind: 'TokenRequest' };
const defaultSeconds = 3600;
/** What admission asks for in every Pod: such a token outlives its time by far, for clients that read it only once. */
const automountedSeconds = 3607;
const extendedSeconds = 365 * 24 * 3600;

export function answerTokenRequests(tokens: ServiceAccountTokens): SubresourceAnswer {
  return async (registry, request, subresource) => {
    const { kind, namespace, name, user, options } = request;
    const received = receiveAs(shapeOf(subresource), request.body, options.fieldValidation);
    const asked = received.draft as TokenRequest;
    checkPlace(asked, namespace, name);
    const account = get(registry, kind, namespace, name).object;
    asked.spec ??= {} as TokenRequest['spec'];
    if (!asked.spec.audiences?.length) asked.spec.audiences = [issuer];
    asked.spec.expirationSeconds ??= defaultSeconds;
    const nowMs = registry.clock.wallMs();
    const metadata = { name, namespace, uid: account.metadata.uid, creationTimestamp: formatTime(nowMs) };
    asked.metadata = { ...asked.metadata, ...metadata };
    asked.status = {} as TokenRequest['status'];
    const causes = problems(asked.spec);
    if (causes.length > 0) throw ApiError.invalid(group, '', causes);
    const admission = { kind, verb: 'create', subresource: request.subresource, namespace, name, draft: asked, user, dryRun: options.dryRun === true, annotate: request.annotate } as const;
    await mutate(registry, admission);
    await admit(registry, admission);

    const { audiences, expirationSeconds } = asked.spec as Required<TokenRequest['spec']>;
    const bound = boundTo(registry, asked.spec.boundObjectRef, namespace, name);
    const isExtended = bound.pod !== undefined && expirationSeconds === automountedSeconds && audiences.every((audience) => audience === issuer);
    const iat = Math.floor(nowMs / 1000);
    const token = await tokens.sign({
      sub: subjectOf(namespace, name),
      aud: audiences,
      iat,
      nbf: iat,
      exp: iat + (isExtended ? extendedSeconds : expirationSeconds),
      jti: registry.random.uuid(),
      'kubernetes.io': {
        namespace,
        serviceaccount: refTo(account),
        ...bound,
        ...(isExtended ? { warnafter: iat + expirationSeconds } : {}),
      },
    });
    const status = { token, expirationTimestamp: formatTime((iat + expirationSeconds) * 1000) };
    return { type: 'object', code: 201, object: { ...asked, status }, warnings: received.warnings };
  };
}

function checkPlace({ metadata }: KubeObject, namespace: string, name: string): void {
  const report = new Report();
  if (metadata.name && metadata.name !== name) report.invalid('metadata.name', metadata.name, 'must match the service account name if specified');
  else if (metadata.namespace && metadata.namespace !== namespace) report.invalid('metadata.namespace', metadata.namespace, 'must match the service account namespace if specified');
  if (report.causes.length > 0) throw ApiError.invalid(group, name, report.causes);
}

function problems({ expirationSeconds }: TokenRequest['spec']): readonly FieldCause[] {
  const report = new Report();
  if (expirationSeconds! < 600) report.invalid('spec.expirationSeconds', expirationSeconds, 'may not specify a duration less than 10 minutes');
  if (expirationSeconds! > 2 ** 32) report.invalid('spec.expirationSeconds', expirationSeconds, 'may not specify a duration larger than 2^32 seconds');
  return report.causes;
}

type Bound = Pick<TokenClaims['kubernetes.io'], 'pod' | 'secret' | 'node'>;

/** Throws ApiError when the object is not there, is another one by now, or cannot be bound to. */
function boundTo({ cache }: Registry, ref: TokenRequest['spec']['boundObjectRef'], namespace: string, account: string): Bound {
  if (!ref) return {};
  const { kind, apiVersion = '', name = '', uid } = ref;
  const sameAs = <T extends KubeObject>(object: T): T => {
    if (!uid || uid === object.metadata.uid) return object;
    throw ApiError.conflict({ plural: kind! }, name, `the UID in the bound object reference (${uid}) does not match the UID in record. The object might have been deleted and then recreated`);
  };
  const found = <T extends KubeObject>(object: T | undefined, of: { plural: string }): T => {
    if (object) return object;
    throw ApiError.notFound(of, name);
  };
  switch (apiVersion.includes('/') ? '' : kind) {
    case 'Pod': {
      const pod = found(cache.get(pods, { namespace, name }), pods);
      if (pod.spec.serviceAccountName !== account) throw ApiError.badRequest(`cannot bind token for serviceaccount ${JSON.stringify(account)} to pod running with different serviceaccount name.`);
      const { nodeName } = pod.spec;
      const node = nodeName ? cache.get(nodes, { namespace: '', name: nodeName }) : undefined;
      return { pod: refTo(sameAs(pod)), ...(nodeName ? { node: node ? refTo(node) : { name: nodeName } } : {}) };
    }
    case 'Secret':
      return { secret: refTo(sameAs(found(cache.get(secrets, { namespace, name }), secrets))) };
    case 'Node':
      return { node: refTo(sameAs(found(cache.get(nodes, { namespace: '', name }), nodes))) };
    default:
      throw ApiError.badRequest(`cannot bind token to object of type ${apiVersion}, Kind=${kind ?? ''}`);
  }
}

function refTo({ metadata: { name, uid } }: KubeObject): { name: string; uid: string } {
  return { name, uid };
}

/** Where it is asked for. */
export const tokenSubresource = `${serviceAccounts.plural}/token`;
