// Signs and checks the tokens of service accounts: JWTs, ES256. Signatures are checked once for each token; whether what it
// is bound to still stands is asked each time. The library behind it is loaded with the first token.
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import type { UserInfo } from '../../api/kind.ts';
import { dateOf, type Clock } from '../../base/clock.ts';
import type { AdmissionWorld } from '../admission/admission.ts';
import { isStanding, issuer, leewaySeconds, subjectOf, userOf, type TokenClaims } from './token-claims.ts';

export interface ServiceAccountTokens {
  sign(claims: Omit<TokenClaims, 'iss'>): Promise<string>;
  /** Undefined: not a token of ours that is good now. */
  authenticate(token: string, world: Pick<AdmissionWorld, 'get'>, audiences?: readonly string[]): UserInfo | undefined | Promise<UserInfo | undefined>;
  /** For relying parties: `/.well-known/openid-configuration` and the JSON Web Key Set that it points to. */
  readonly openIdConfiguration: object;
  readonly keySet: object;
}

export interface ServiceAccountTokenOptions {
  /** An EC key on P-256, PKCS #8 in PEM. */
  readonly signingKeyPem: string;
  readonly clock: Clock;
}

export const keySetPath = '/openid/v1/jwks';
const algorithm = 'ES256';
/** So many checked tokens are kept; then the one checked first goes, and is checked anew when it comes again. */
const keptAtMost = 2000;
/** Ours are below 2 KB: what is longer is not worth checking. */
const longestToken = 8192;

/** A new key to sign with. */
export function createSigningKey(): string {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
}

interface Checked {
  readonly claims: TokenClaims;
  readonly user: UserInfo;
}

export function createServiceAccountTokens({ signingKeyPem, clock }: ServiceAccountTokenOptions): ServiceAccountTokens {
  const privateKey = createPrivateKey(signingKeyPem);
  const publicKey = createPublicKey(privateKey);
  const kid = createHash('sha256').update(publicKey.export({ type: 'spki', format: 'der' })).digest('base64url');
  const checked = new Map<string, Checked>();

  async function check(token: string, digest: string, audience: readonly string[]): Promise<Checked | undefined> {
    const { jwtVerify } = await import('jose/jwt/verify');
    let claims: TokenClaims;
    try {
      const { payload } = await jwtVerify(token, publicKey, { algorithms: [algorithm], issuer, audience: [...audience], clockTolerance: leewaySeconds, currentDate: dateOf(clock.wallMs()), requiredClaims: ['exp', 'nbf', 'jti'] });
      claims = payload as unknown as TokenClaims;
    } catch {
      return undefined;
    }
    const { namespace, serviceaccount } = claims['kubernetes.io'] ?? {};
    if (!namespace || !serviceaccount || claims.sub !== subjectOf(namespace, serviceaccount.name)) return undefined;
    const good: Checked = { claims, user: userOf(claims) };
    if (checked.size >= keptAtMost) checked.delete(checked.keys().next().value!);
    checked.set(digest, good);
    return good;
  }

  return {
    async sign(claims) {
      const { SignJWT } = await import('jose/jwt/sign');
      return new SignJWT({ ...claims, aud: [...claims.aud], iss: issuer }).setProtectedHeader({ alg: algorithm, kid }).sign(privateKey);
    },
    authenticate(token, world, audiences = [issuer]) {
      if (token.length > longestToken || !/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)) return undefined;
      const digest = createHash('sha256').update(`${token} ${audiences.join(' ')}`).digest('base64');
      const standing = (found: Checked | undefined) => (found && isStanding(found.claims, world, clock.wallMs()) ? found.user : undefined);
      const kept = checked.get(digest);
      return kept ? standing(kept) : check(token, digest, audiences).then(standing);
    },
    openIdConfiguration: {
      issuer,
      jwks_uri: `${issuer}${keySetPath}`,
      response_types_supported: ['id_token'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: [algorithm],
    },
    keySet: { keys: [{ use: 'sig', kid, alg: algorithm, ...publicKey.export({ format: 'jwk' }) }] },
  };
}
