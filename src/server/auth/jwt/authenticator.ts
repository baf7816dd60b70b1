// Whose token it is, of those that issuers elsewhere sign (OpenID Connect).
import { createHash } from 'node:crypto';
import type { UserInfo } from '../../../api/kind.ts';
import type { Clock } from '../../../base/clock.ts';
import { describe, type Log } from '../../../base/log.ts';
import type { Jwt } from './config.ts';
import { IssuerKeys } from './issuer-keys.ts';
import { userOfClaims, type Claims } from './user.ts';

/** Undefined: not a token of any of the issuers that is good now. */
export type AuthenticateJwt = (token: string) => UserInfo | undefined | Promise<UserInfo | undefined>;

/** Who was found is believed for so long, as kube-apiserver does; so many at once, then the one found first goes. */
const keptMs = 10_000;
const keptAtMost = 2000;
const longestToken = 16 * 1024;
/** As the library behind kube-apiserver's: of the beginning so much is given to clocks that differ, of the end nothing. */
const beginLeewaySeconds = 300;

export function createJwtAuthenticator(jwts: readonly Jwt[], clock: Clock, log: Log): AuthenticateJwt {
  const byIssuer = new Map(jwts.map((jwt) => [jwt.issuer, { jwt, keys: new IssuerKeys(jwt, clock, log) }]));
  const found = new Map<string, { readonly user: UserInfo; readonly untilMs: number }>();

  async function check(token: string, digest: string): Promise<UserInfo | undefined> {
    const of = byIssuer.get(issuerOf(token)!)!;
    try {
      const claims = await genuine(token, of);
      checkClaims(of.jwt, claims, clock.wallMs() / 1000);
      const user = userOfClaims(of.jwt, claims);
      if (found.size >= keptAtMost) found.delete(found.keys().next().value!);
      found.set(digest, { user, untilMs: Math.min(clock.wallMs() + keptMs, Number(claims['exp']) * 1000) });
      return user;
    } catch (error) {
      log.debug('a token was refused', { issuer: of.jwt.issuer, error: describe(error) });
      return undefined;
    }
  }

  return (token) => {
    if (byIssuer.size === 0 || token.length > longestToken) return undefined;
    const issuer = issuerOf(token);
    if (issuer === undefined || !byIssuer.has(issuer)) return undefined;
    const digest = createHash('sha256').update(token).digest('base64');
    const kept = found.get(digest);
    if (kept && kept.untilMs > clock.wallMs()) return kept.user;
    found.delete(digest);
    return check(token, digest);
  };
}

/** Throws when it was not signed by the issuer. */
async function genuine(token: string, { jwt, keys }: { readonly jwt: Jwt; readonly keys: IssuerKeys }): Promise<Claims> {
  const [{ compactVerify }, { createLocalJWKSet }, { decodeProtectedHeader }, { JWKSMultipleMatchingKeys }] = await Promise.all([import('jose/jws/compact/verify'), import('jose/jwks/local'), import('jose/decode/protected_header'), import('jose/errors')]);
  const set = createLocalJWKSet(await keys.keysFor(decodeProtectedHeader(token).kid));
  const options = { algorithms: [...jwt.algorithms] };
  const verified = await compactVerify(token, set, options).catch(async (error: unknown) => {
    // Without a kid any of the keys may have signed it.
    if (!(error instanceof JWKSMultipleMatchingKeys)) throw error;
    for await (const key of error) {
      const one = await compactVerify(token, key, options).catch(() => undefined);
      if (one) return one;
    }
    throw error;
  });
  return JSON.parse(Buffer.from(verified.payload).toString()) as Claims;
}

function checkClaims({ issuer, audiences }: Jwt, { iss, aud, exp, nbf }: Claims, nowSeconds: number): void {
  if (shownIssuer(iss) !== issuer) throw new Error(`oidc: id token issued by a different provider, expected ${JSON.stringify(issuer)} got ${JSON.stringify(iss)}`);
  const said: readonly unknown[] = Array.isArray(aud) ? aud : [aud];
  if (!said.some((one) => audiences.includes(one as string))) throw new Error(`oidc: expected audience in ${JSON.stringify(audiences)} got ${JSON.stringify(said)}`);
  if (typeof exp !== 'number' || exp < nowSeconds) throw new Error(`oidc: token is expired (Token Expiry: ${String(exp)})`);
  if (typeof nbf === 'number' && nowSeconds + beginLeewaySeconds < nbf) throw new Error(`oidc: current time ${nowSeconds} before the nbf (not before) time: ${nbf}`);
}

/** What a token says of itself, before anything of it has been checked. */
function issuerOf(token: string): string | undefined {
  const [, payload, ...rest] = token.split('.');
  if (payload === undefined || rest.length !== 1) return undefined;
  try {
    return shownIssuer((JSON.parse(Buffer.from(payload, 'base64url').toString()) as { iss?: unknown } | null)?.iss);
  } catch {
    return undefined;
  }
}

/** Google once left the scheme out. */
function shownIssuer(iss: unknown): string | undefined {
  if (typeof iss !== 'string') return undefined;
  return iss === 'accounts.google.com' ? 'https://accounts.google.com' : iss;
}
