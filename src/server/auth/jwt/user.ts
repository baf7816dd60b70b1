// Who the claims of a token are, that has been found genuine. Pure.
import { CostBudget, OverBudget, type Program } from '../../../api/cel/program.ts';
import { EvaluationError, Optional } from '../../../api/cel/values.ts';
import { untyped } from '../../../api/custom/cel-schema.ts';
import type { UserInfo } from '../../../api/kind.ts';
import type { Jwt, Mapping, Rule } from './config.ts';

export type Claims = Readonly<Record<string, unknown>>;

/** The token is genuine, but nobody's. */
export class Refused extends Error {
  override readonly name = 'Refused';
}

/** Throws Refused in kube-apiserver's words. */
export function userOfClaims(jwt: Jwt, claims: Claims): UserInfo {
  const budget = new CostBudget();
  let known: unknown;
  const run = (program: Program, what: string): unknown => {
    try {
      const value = program.run((name) => (name === 'claims' ? (known ??= untyped(claims)) : undefined), budget);
      return value instanceof Optional ? (value.hasValue ? value.value : null) : value;
    } catch (error) {
      if (error instanceof EvaluationError || error instanceof OverBudget) throw new Refused(`oidc: error evaluating ${what} expression: ${error.message}`);
      throw error;
    }
  };
  const username = usernameOf(jwt.username, claims, run);
  const groups = groupsOf(jwt.groups, claims, run);
  const uid = jwt.uid && textOf(jwt.uid, 'uid', claims, run);
  const extra = jwt.extra.flatMap(({ key, program }): [string, readonly string[]][] => {
    const values = stringsOf(run(program, 'extra claim'), 'extra claim');
    return values.length > 0 ? [[key, values]] : [];
  });
  for (const [claim, wanted] of jwt.requiredClaims) {
    if (!Object.hasOwn(claims, claim)) throw new Refused(`oidc: required claim ${claim} not present in ID token`);
    if (claims[claim] !== wanted) throw new Refused(`oidc: required claim ${claim} value does not match. Got = ${String(claims[claim])}, want = ${wanted}`);
  }
  checkRules(jwt.claimRules, 'claim validation', (program) => run(program, 'claim validation'));
  const user: UserInfo = { username, ...(uid ? { uid } : {}), groups, ...(extra.length > 0 ? { extra: Object.fromEntries(extra) } : {}) };
  checkUser(jwt.userRules, user, budget);
  return Object.freeze({ ...user, groups: Object.freeze([...groups.filter((group) => group !== 'system:authenticated'), 'system:authenticated']) });
}

type Run = (program: Program, what: string) => unknown;

function usernameOf(mapping: Mapping, claims: Claims, run: Run): string {
  const username = textOf(mapping, 'username', claims, run);
  if ('claim' in mapping && mapping.claim === 'email' && Object.hasOwn(claims, 'email_verified')) {
    if (typeof claims['email_verified'] !== 'boolean') throw new Refused("oidc: parse 'email_verified' claim: it is no boolean");
    if (!claims['email_verified']) throw new Refused('oidc: email not verified');
  }
  return 'claim' in mapping ? mapping.prefix + username : username;
}

function textOf(mapping: Mapping, what: 'username' | 'uid', claims: Claims, run: Run): string {
  if ('program' in mapping) {
    const value = run(mapping.program, `${what} claim`);
    if (typeof value !== 'string') throw new Refused(`oidc: error evaluating ${what} claim expression: ${what} claim expression must return a string`);
    return value;
  }
  const value = claims[mapping.claim];
  if (typeof value !== 'string') throw new Refused(`oidc: parse ${what} claims ${JSON.stringify(mapping.claim)}: ${value === undefined ? 'claim not present' : 'it is no string'}`);
  return value;
}

/** One string is a list of one. */
function groupsOf(mapping: Mapping | undefined, claims: Claims, run: Run): readonly string[] {
  if (!mapping) return [];
  if ('program' in mapping) return stringsOf(run(mapping.program, 'group claim'), 'group claim');
  if (!Object.hasOwn(claims, mapping.claim)) return [];
  const value = claims[mapping.claim];
  const all: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (!all.every((group) => typeof group === 'string')) throw new Refused(`oidc: parse groups claim ${JSON.stringify(mapping.claim)}: it is neither a string nor a list of them`);
  return all.map((group) => mapping.prefix + group);
}

/** What is empty is as if it were not there. */
function stringsOf(value: unknown, what: string): readonly string[] {
  if (value === null || value === undefined) return [];
  const all: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (!all.every((one) => typeof one === 'string')) throw new Refused(`oidc: error evaluating ${what} expression: expression must return a string or a list of strings`);
  return (all as readonly string[]).filter((text) => text !== '');
}

function checkRules(rules: readonly Rule[], what: string, run: (program: Program) => unknown): void {
  for (const { program, message } of rules) {
    const verdict = run(program);
    if (typeof verdict !== 'boolean') throw new Refused(`oidc: error evaluating ${what} expression: validation expression must return a boolean`);
    if (!verdict) throw new Refused(`oidc: error evaluating ${what} expression: validation expression '${program.text}' failed: ${message}`);
  }
}

function checkUser(rules: readonly Rule[], user: UserInfo, budget: CostBudget): void {
  if (rules.length === 0) return;
  const seen = untyped({ username: user.username, uid: user.uid ?? '', groups: user.groups, extra: user.extra ?? {} });
  checkRules(rules, 'user info validation rule', (program) => {
    try {
      return program.run((name) => (name === 'user' ? seen : undefined), budget);
    } catch (error) {
      if (error instanceof EvaluationError || error instanceof OverBudget) throw new Refused(`oidc: error evaluating user info validation rule: ${error.message}`);
      throw error;
    }
  });
}
