// Signs and checks the tokens of service accounts: JWTs, ES256. Signatures are checked once for each token; whether what it
// is bound to still stands is asked each time. The library behind it is loaded with the first token.
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import type { UserInfo } from '../../api/kind.ts';
import type { Secret } from '../../api/types.ts';
import { dateOf, type Clock } from '../../base/clock.ts';
import type { AdmissionWorld } from '../admission/admission.ts';
import { holdingSecret, legacyClaims, legacyIssuer, legacyUser, readLegacyClaims, type LegacyToken } from './legacy-tokens.ts';
import { isStanding, issuer, leewaySeconds, subjectOf, userOf, type TokenClaims } from './token-claims.ts';

export interface ServiceAccountTokens {
  sign(claims: Omit<TokenClaims, 'iss'>): Promise<string>;
  /** For a Secret to hold. */
  signLegacy(token: LegacyToken): Promise<string>;
  /** Undefined: not a token of ours that is good now. `used` is told of the Secret that holds it. */
  authenticate(token: string, world: Pick<AdmissionWorld, 'get'>, audiences?: readonly string[], used?: (secret: Secret) => void): UserInfo | undefined | Promise<UserInfo | undefined>;
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

/** What was signed by us; whether it still holds is another question. */
type Checked = { readonly user: UserInfo } & ({ readonly claims: TokenClaims } | { readonly legacy: LegacyToken });

export function createServiceAccountTokens({ signingKeyPem, clock }: ServiceAccountTokenOptions): ServiceAccountTokens {
  const privateKey = createPrivateKey(signingKeyPem);
  const publicKey = createPublicKey(privateKey);
  const kid = createHash('sha256').update(publicKey.export({ type: 'spki', format: 'der' })).digest('base64url');
  const checked = new Map<string, Checked>();

  async function check(token: string, digest: string, audience: readonly string[]): Promise<Checked | undefined> {
    const good = issuerOf(token) === legacyIssuer ? await checkLegacy(token, audience) : await checkBound(token, audience);
    if (!good) return undefined;
    if (checked.size >= keptAtMost) checked.delete(checked.keys().next().value!);
    checked.set(digest, good);
    return good;
  }

  async function checkBound(token: string, audience: readonly string[]): Promise<Checked | undefined> {
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
    return { claims, user: userOf(claims) };
  }

  /** It says nothing of an audience, and is meant for this server alone. */
  async function checkLegacy(token: string, audience: readonly string[]): Promise<Checked | undefined> {
    if (!audience.includes(issuer)) return undefined;
    const { jwtVerify } = await import('jose/jwt/verify');
    try {
      const { payload } = await jwtVerify(token, publicKey, { algorithms: [algorithm], issuer: legacyIssuer, currentDate: dateOf(clock.wallMs()) });
      const legacy = readLegacyClaims(payload);
      return legacy && { legacy, user: legacyUser(legacy) };
    } catch {
      return undefined;
    }
  }

  return {
    async sign(claims) {
      const { SignJWT } = await import('jose/jwt/sign');
      return new SignJWT({ ...claims, aud: [...claims.aud], iss: issuer }).setProtectedHeader({ alg: algorithm, kid }).sign(privateKey);
    },
    async signLegacy(token) {
      const { SignJWT } = await import('jose/jwt/sign');
      return new SignJWT({ ...legacyClaims(token), iss: legacyIssuer }).setProtectedHeader({ alg: algorithm, kid }).sign(privateKey);
    },
    authenticate(token, world, audiences = [issuer], used) {
      if (token.length > longestToken || !/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)) return undefined;
      const digest = createHash('sha256').update(`${token} ${audiences.join(' ')}`).digest('base64');
      const standing = (found: Checked | undefined) => {
        if (!found) return undefined;
        if ('claims' in found) return isStanding(found.claims, world, clock.wallMs()) ? found.user : undefined;
        const secret = holdingSecret(token, found.legacy, world);
        if (secret) used?.(secret);
        return secret && found.user;
      };
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

/** What a token says of itself, before anything of it has been checked. */
function issuerOf(token: string): unknown {
  try {
    return (JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()) as { iss?: unknown } | null)?.iss;
  } catch {
    return undefined;
  }
}
