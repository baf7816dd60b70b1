// Who is let in beside those that the cluster knows itself: kube-apiserver's --oidc-* flags, or a file with an AuthenticationConfiguration.
import { readFileSync } from 'node:fs';
import { allAlgorithms, compileJwt, validateAuthentication, type AuthenticationConfig, type Jwt, type JwtConfig } from '../server/auth/jwt/config.ts';
import { issuer as ownIssuer } from '../server/auth/token-claims.ts';
import { readConfigFile, type ConfigKind, type Shape } from './config-file.ts';
import { UserError } from './user-error.ts';

/** As kube-apiserver's flags of these names. */
export interface AuthenticationFlags {
  /** False: nobody without a name is let in, to no path; machines can then not join by a token. Default: to health, version and what a machine that joins must read. */
  readonly anonymousAuth?: boolean;
  /** A file with an AuthenticationConfiguration of apiserver.config.k8s.io: issuers of tokens, and what of those is who. */
  readonly authenticationConfig?: string;
  /** The issuer of OpenID Connect tokens, over HTTPS, and for whom they must be meant. */
  readonly oidcIssuerUrl?: string;
  readonly oidcClientId?: string;
  /** Which claim is the user's name. Default: sub. */
  readonly oidcUsernameClaim?: string;
  /** What stands before it; `-`: nothing. Default: the issuer and a `#`, but before an e-mail address nothing. */
  readonly oidcUsernamePrefix?: string;
  /** Which claim, a text or a list of them, is the user's groups. Default: none. */
  readonly oidcGroupsClaim?: string;
  readonly oidcGroupsPrefix?: string;
  /** A file with the certificates (PEM) by which the issuer is trusted. Default: those that the machine trusts. */
  readonly oidcCaFile?: string;
  /** `claim=value` that a token must have. */
  readonly oidcRequiredClaim?: readonly string[];
  /** Default: RS256. */
  readonly oidcSigningAlgs?: readonly string[];
}

export interface Authentication {
  readonly jwts: readonly Jwt[];
  /** Undefined: as always. */
  readonly anonymous: { readonly enabled: boolean; readonly paths?: readonly string[] } | undefined;
}

const prefixed: Shape = { claim: 'text', prefix: 'text', expression: 'text' };
const configKind: ConfigKind = {
  flag: '--authentication-config',
  kind: 'AuthenticationConfiguration',
  apiVersions: ['apiserver.config.k8s.io/v1', 'apiserver.config.k8s.io/v1beta1'],
  shape: {
    jwt: [{
      issuer: { url: 'text', discoveryURL: 'text', certificateAuthority: 'text', audiences: ['text'], audienceMatchPolicy: 'text' },
      claimValidationRules: [{ claim: 'text', requiredValue: 'text', expression: 'text', message: 'text' }],
      claimMappings: { username: prefixed, groups: prefixed, uid: { claim: 'text', expression: 'text' }, extra: [{ key: 'text', valueExpression: 'text' }] },
      userValidationRules: [{ expression: 'text', message: 'text' }],
    }],
    anonymous: { enabled: 'flag', conditions: [{ path: 'text' }] },
  },
};

/** Throws UserError for what cannot be. */
export function readAuthentication(flags: AuthenticationFlags): Authentication {
  const ofFlag = flags.anonymousAuth === undefined ? undefined : { enabled: flags.anonymousAuth };
  const { authenticationConfig: file } = flags;
  if (file === undefined) return { jwts: jwtOfFlags(flags), anonymous: ofFlag?.enabled ? undefined : ofFlag };
  if (Object.entries(flags).some(([name, value]) => name.startsWith('oidc') && value !== undefined)) throw new UserError('authentication-config file and oidc-* flags are mutually exclusive', 'write the issuer into the file');
  const config = readConfigFile(file, configKind, (read: AuthenticationConfig) => validateAuthentication(read, [ownIssuer]), (read) => read);
  if (config.anonymous && ofFlag) throw new UserError('--anonymous-auth flag cannot be set when the anonymous field is configured in the authentication configuration file', 'leave one of them out');
  const { enabled = false, conditions } = config.anonymous ?? {};
  return {
    jwts: (config.jwt ?? []).map((jwt) => compileJwt(jwt)),
    anonymous: config.anonymous ? { enabled, ...(conditions?.length ? { paths: conditions.map(({ path = '' }) => path) } : {}) } : ofFlag?.enabled ? undefined : ofFlag,
  };
}

function jwtOfFlags(flags: AuthenticationFlags): readonly Jwt[] {
  const { oidcIssuerUrl: url, oidcClientId: clientId, oidcUsernameClaim: username = 'sub', oidcUsernamePrefix: given, oidcGroupsClaim: groups, oidcGroupsPrefix = '', oidcRequiredClaim = [], oidcSigningAlgs = ['RS256'] } = flags;
  if (!url && !clientId) {
    if (Object.entries(flags).some(([name, value]) => name.startsWith('oidc') && value !== undefined)) throw new UserError('oidc-issuer-url and oidc-client-id must be specified together when any oidc-* flags are set', 'give both, or none of them');
    return [];
  }
  if (!url || !clientId) throw new UserError('oidc-issuer-url and oidc-client-id must be specified together when any oidc-* flags are set', 'give both, or none of them');
  const unknown = oidcSigningAlgs.find((name) => !allAlgorithms.includes(name));
  if (unknown !== undefined) throw new UserError(`oidc: unsupported signing alg: ${JSON.stringify(unknown)}`, `take some of ${allAlgorithms.join(', ')}`);
  const prefix = given === '-' ? '' : given || (username === 'email' ? '' : `${url}#`);
  const config: JwtConfig = {
    issuer: { url, audiences: [clientId], ...(flags.oidcCaFile ? { certificateAuthority: readCa(flags.oidcCaFile) } : {}) },
    claimMappings: { username: { claim: username, prefix }, ...(groups ? { groups: { claim: groups, prefix: oidcGroupsPrefix } } : {}) },
    claimValidationRules: oidcRequiredClaim.map((text) => {
      const [claim = '', ...rest] = text.split('=');
      if (!claim || rest.length === 0) throw new UserError(`${JSON.stringify(text)} is no required claim`, 'write it as: --oidc-required-claim claim=value');
      return { claim, requiredValue: rest.join('=') };
    }),
  };
  const causes = validateAuthentication({ jwt: [config] }, [ownIssuer]);
  if (causes.length > 0) throw new UserError(causes.map(({ field, message }) => `${field}: ${message}`).join(', '), 'check the flags --oidc-*');
  return [compileJwt(config, oidcSigningAlgs)];
}

function readCa(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new UserError(`the file ${file} cannot be read: ${(error as Error).message}`, 'check --oidc-ca-file', { cause: error });
  }
}
