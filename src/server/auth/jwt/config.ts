// From whom tokens of people are taken, and what of them is who: the `jwt` of an AuthenticationConfiguration, checked and compiled. Pure.
import { createPublicKey, X509Certificate } from 'node:crypto';
import { ExpressionError } from '../../../api/cel/ast.ts';
import { compile, type Program } from '../../../api/cel/program.ts';
import { dyn } from '../../../api/cel/types.ts';
import type { FieldCause } from '../../../api/error.ts';
import { Report } from '../../../api/kinds/validation/report.ts';

/** apiserver.config.k8s.io/v1. */
export interface JwtConfig {
  readonly issuer?: {
    readonly url?: string;
    readonly discoveryURL?: string;
    /** PEM; absent: those that the machine trusts. */
    readonly certificateAuthority?: string;
    readonly audiences?: readonly string[];
    readonly audienceMatchPolicy?: string;
  };
  readonly claimValidationRules?: readonly { readonly claim?: string; readonly requiredValue?: string; readonly expression?: string; readonly message?: string }[];
  readonly claimMappings?: {
    readonly username?: PrefixedClaim;
    readonly groups?: PrefixedClaim;
    readonly uid?: { readonly claim?: string; readonly expression?: string };
    readonly extra?: readonly { readonly key?: string; readonly valueExpression?: string }[];
  };
  readonly userValidationRules?: readonly { readonly expression?: string; readonly message?: string }[];
}

interface PrefixedClaim {
  readonly claim?: string;
  readonly prefix?: string;
  readonly expression?: string;
}

export interface AuthenticationConfig {
  readonly jwt?: readonly JwtConfig[];
  readonly anonymous?: { readonly enabled?: boolean; readonly conditions?: readonly { readonly path?: string }[] };
}

/** Where a value comes from: a claim, with something before it, or an expression. */
export type Mapping = { readonly claim: string; readonly prefix: string } | { readonly program: Program };

export interface Jwt {
  readonly issuer: string;
  readonly discoveryUrl: string;
  readonly certificateAuthority: string | undefined;
  readonly audiences: readonly string[];
  readonly algorithms: readonly string[];
  readonly requiredClaims: ReadonlyMap<string, string>;
  readonly username: Mapping;
  readonly groups: Mapping | undefined;
  readonly uid: Mapping | undefined;
  readonly extra: readonly { readonly key: string; readonly program: Program }[];
  readonly claimRules: readonly Rule[];
  readonly userRules: readonly Rule[];
}

export interface Rule {
  readonly program: Program;
  readonly message: string;
}

export const allAlgorithms: readonly string[] = ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512', 'PS256', 'PS384', 'PS512'];
const mostIssuers = 64;
const ofClaims = new Map([['claims', dyn]]);
const ofUser = new Map([['user', dyn]]);

/** Of what was found valid. */
export function compileJwt({ issuer = {}, claimMappings = {}, claimValidationRules = [], userValidationRules = [] }: JwtConfig, algorithms = allAlgorithms): Jwt {
  const mapping = ({ claim, prefix = '', expression }: PrefixedClaim = {}): Mapping | undefined => (expression ? { program: compile(expression, ofClaims) } : claim ? { claim, prefix } : undefined);
  return {
    issuer: issuer.url!,
    discoveryUrl: issuer.discoveryURL || `${issuer.url!.replace(/\/$/, '')}/.well-known/openid-configuration`,
    certificateAuthority: issuer.certificateAuthority || undefined,
    audiences: issuer.audiences ?? [],
    algorithms,
    requiredClaims: new Map(claimValidationRules.filter(({ claim }) => claim).map(({ claim, requiredValue = '' }) => [claim!, requiredValue])),
    username: mapping(claimMappings.username)!,
    groups: mapping(claimMappings.groups),
    uid: mapping(claimMappings.uid),
    extra: (claimMappings.extra ?? []).map(({ key = '', valueExpression = '' }) => ({ key, program: compile(valueExpression, ofClaims) })),
    claimRules: claimValidationRules.filter(({ expression }) => expression).map(({ expression = '', message = '' }) => ({ program: compile(expression, ofClaims), message })),
    userRules: userValidationRules.map(({ expression = '', message = '' }) => ({ program: compile(expression, ofUser), message })),
  };
}

/** `taken`: issuers that are others already. */
export function validateAuthentication({ jwt = [], anonymous }: AuthenticationConfig, taken: readonly string[]): readonly FieldCause[] {
  const report = new Report();
  if (jwt.length > mostIssuers) report.tooMany('jwt', jwt.length, mostIssuers);
  const seen = { issuers: new Set<string>(), discovery: new Set<string>() };
  jwt.forEach((one, index) => {
    checkJwt(report, `jwt[${index}]`, one, taken);
    unique(report, `jwt[${index}].issuer.url`, one.issuer?.url, seen.issuers);
    unique(report, `jwt[${index}].issuer.discoveryURL`, one.issuer?.discoveryURL, seen.discovery);
  });
  if (anonymous && !anonymous.enabled && anonymous.conditions?.length) report.invalid('anonymous.conditions', anonymous.conditions, 'enabled should be set to true when conditions are defined');
  return report.causes;
}

function checkJwt(report: Report, at: string, { issuer = {}, claimMappings = {}, claimValidationRules = [], userValidationRules = [] }: JwtConfig, taken: readonly string[]): void {
  checkIssuer(report, `${at}.issuer`, issuer, taken);
  const seen = { claims: new Set<string>(), rules: new Set<string>(), ofUser: new Set<string>(), keys: new Set<string>() };
  claimValidationRules.forEach(({ claim, requiredValue, expression, message }, index) => {
    const rule = `${at}.claimValidationRules[${index}]`;
    if (claim && expression) return report.invalid(rule, claim, "claim and expression can't both be set");
    if (!claim && !expression) return report.required(rule, 'claim or expression is required');
    if (claim && message) report.invalid(`${rule}.message`, message, 'may not be specified when claim is set');
    if (expression && requiredValue) report.invalid(`${rule}.requiredValue`, requiredValue, 'may not be specified when expression is set');
    unique(report, `${rule}.claim`, claim, seen.claims);
    unique(report, `${rule}.expression`, expression, seen.rules);
    if (expression) checkExpression(report, `${rule}.expression`, expression, ofClaims);
  });
  const { username = {}, groups = {}, uid = {}, extra = [] } = claimMappings;
  checkMapping(report, `${at}.claimMappings.username`, username, true);
  checkMapping(report, `${at}.claimMappings.groups`, groups, false);
  if (uid.claim && uid.expression) report.invalid(`${at}.claimMappings.uid`, '', "claim and expression can't both be set");
  else if (uid.expression) checkExpression(report, `${at}.claimMappings.uid.expression`, uid.expression, ofClaims);
  extra.forEach(({ key = '', valueExpression }, index) => {
    const field = `${at}.claimMappings.extra[${index}]`;
    checkExtraKey(report, `${field}.key`, key);
    unique(report, `${field}.key`, key, seen.keys);
    if (valueExpression) checkExpression(report, `${field}.valueExpression`, valueExpression, ofClaims);
    else report.required(`${field}.valueExpression`);
  });
  const said = [username.expression, ...extra.map(({ valueExpression }) => valueExpression), ...claimValidationRules.map(({ expression }) => expression)];
  if (uses(username.expression, 'email') && !said.some((text) => uses(text, 'email_verified'))) {
    report.invalid(`${at}.claimMappings.username.expression`, username.expression, 'claims.email_verified must be used in claimMappings.username.expression or claimMappings.extra[*].valueExpression or claimValidationRules[*].expression when claims.email is used in claimMappings.username.expression');
  }
  userValidationRules.forEach(({ expression }, index) => {
    const field = `${at}.userValidationRules[${index}].expression`;
    if (!expression) return report.required(field);
    unique(report, field, expression, seen.ofUser);
    checkExpression(report, field, expression, ofUser);
  });
}

function checkIssuer(report: Report, at: string, { url, discoveryURL, certificateAuthority, audiences = [], audienceMatchPolicy = '' }: NonNullable<JwtConfig['issuer']>, taken: readonly string[]): void {
  if (!url) report.required(`${at}.url`);
  else checkUrl(report, `${at}.url`, url, taken);
  if (discoveryURL) {
    if (url && url.replace(/\/+$/, '') === discoveryURL.replace(/\/+$/, '')) report.invalid(`${at}.discoveryURL`, discoveryURL, 'discoveryURL must be different from URL');
    checkUrl(report, `${at}.discoveryURL`, discoveryURL, []);
  }
  if (audiences.length === 0) report.required(`${at}.audiences`, `at least one ${at}.audiences is required`);
  const seen = new Set<string>();
  audiences.forEach((audience, index) => {
    if (!audience) report.required(`${at}.audiences[${index}]`);
    unique(report, `${at}.audiences[${index}]`, audience, seen);
  });
  if (audiences.length > 1 && audienceMatchPolicy !== 'MatchAny') report.invalid(`${at}.audienceMatchPolicy`, audienceMatchPolicy, 'audienceMatchPolicy must be MatchAny for multiple audiences');
  if (audiences.length === 1 && audienceMatchPolicy !== '' && audienceMatchPolicy !== 'MatchAny') report.invalid(`${at}.audienceMatchPolicy`, audienceMatchPolicy, 'audienceMatchPolicy must be empty or MatchAny for single audience');
  if (certificateAuthority && !isCertificate(certificateAuthority)) report.invalid(`${at}.certificateAuthority`, '<omitted>', 'data does not contain any valid RSA or ECDSA certificates');
}

function isCertificate(pem: string): boolean {
  try {
    return Boolean(createPublicKey(new X509Certificate(pem).publicKey.export({ type: 'spki', format: 'pem' })));
  } catch {
    return false;
  }
}

function checkUrl(report: Report, field: string, text: string, taken: readonly string[]): void {
  if (taken.includes(text)) report.invalid(field, text, `URL must not overlap with disallowed issuers: [${taken.join(' ')}]`);
  if (!URL.canParse(text)) return report.invalid(field, text, `parse ${JSON.stringify(text)}: invalid URI for request`);
  const url = new URL(text);
  if (url.protocol !== 'https:') report.invalid(field, text, 'URL scheme must be https');
  if (url.username || url.password) report.invalid(field, text, 'URL must not contain a username or password');
  if (url.search) report.invalid(field, text, 'URL must not contain a query');
  if (url.hash) report.invalid(field, text, 'URL must not contain a fragment');
}

function checkMapping(report: Report, field: string, { claim, prefix, expression }: PrefixedClaim, isRequired: boolean): void {
  if (claim && expression) return report.invalid(field, '', "claim and expression can't both be set");
  if (!claim && !expression) return isRequired ? report.required(field, 'claim or expression is required') : undefined;
  if (expression && prefix !== undefined) report.invalid(`${field}.prefix`, prefix, 'may not be specified when expression is set');
  if (expression) checkExpression(report, `${field}.expression`, expression, ofClaims);
  if (claim && prefix === undefined) report.required(`${field}.prefix`, 'prefix is required when claim is set. It can be set to an empty string to disable prefixing');
}

function checkExtraKey(report: Report, field: string, key: string): void {
  const domain = key.includes('/') ? key.slice(0, key.indexOf('/')) : '';
  if (!key) report.required(field);
  else if (!/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?\/[A-Za-z0-9/\-._~%!$&'()*+,;=:]+$/i.test(key)) report.invalid(field, key, 'must be a domain-prefixed path (such as "acme.io/foo")');
  if (key !== key.toLowerCase()) report.invalid(field, key, 'must be lowercase');
  if (/(^|\.)(kubernetes|k8s)\.io$/.test(domain)) report.invalid(field, key, 'k8s.io, kubernetes.io and their subdomains are reserved for Kubernetes use');
}

function checkExpression(report: Report, field: string, expression: string, variables: Parameters<typeof compile>[1]): void {
  try {
    compile(expression, variables);
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    report.invalid(field, expression, `compilation failed: ${error.message}`);
  }
}

function uses(expression: string | undefined, claim: string): boolean {
  return expression !== undefined && new RegExp(`\\bclaims\\s*\\.\\s*\\??\\s*${claim}\\b`).test(expression);
}

function unique(report: Report, field: string, value: string | undefined, seen: Set<string>): void {
  if (!value) return;
  if (seen.has(value)) report.duplicate(field, value);
  seen.add(value);
}
