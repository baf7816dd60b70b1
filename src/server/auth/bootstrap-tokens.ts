// Bootstrap tokens: Secrets kube-system/bootstrap-token-ID, by which a machine that is no node yet may ask for a certificate.
import { timingSafeEqual } from 'node:crypto';
import type { UserInfo } from '../../api/kind.ts';
import { readBootstrapToken, tokenOfSecret, tokenSecretName } from '../../api/certificates/bootstrap-token.ts';
import { secrets } from '../../api/kinds/index.ts';
import type { Clock } from '../../base/clock.ts';
import type { AdmissionWorld } from '../admission/admission.ts';

/** Undefined: no such token, or not one that may be used so, or not any more. */
export function bootstrapUserOf(text: string, world: Pick<AdmissionWorld, 'get'>, clock: Clock): UserInfo | undefined {
  const wanted = readBootstrapToken(text);
  if (!wanted) return undefined;
  const secret = world.get(secrets, { namespace: 'kube-system', name: tokenSecretName(wanted.id) });
  const token = secret && tokenOfSecret(secret);
  if (!token || token.id !== wanted.id || !sameText(token.secret, wanted.secret)) return undefined;
  if (secret.metadata.deletionTimestamp || !token.usages.includes('authentication') || (token.expiresMs !== undefined && token.expiresMs <= clock.wallMs())) return undefined;
  return Object.freeze({ username: `system:bootstrap:${token.id}`, groups: Object.freeze(['system:bootstrappers', ...token.groups, 'system:authenticated']) });
}

function sameText(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
