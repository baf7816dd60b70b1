// What both kinds of policies have in common: whom they concern, with which parameters, and what their expressions may name.
import { conditionVariables, mutationVariables } from '../../api/admission-variables.ts';
import { compileStored, CostBudget, type Program } from '../../api/cel/program.ts';
import type { Type } from '../../api/cel/types.ts';
import { Fields } from '../../api/cel/values.ts';
import { untyped } from '../../api/custom/cel-schema.ts';
import type { Kind } from '../../api/kind.ts';
import { namespaces } from '../../api/kinds/namespace.ts';
import { labelSelectorOf } from '../../api/selectors.ts';
import type { KubeObject, MutatingAdmissionPolicy, MutatingAdmissionPolicyBinding, ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding } from '../../api/types.ts';
import type { Admission, AdmissionRequest, AdmissionWorld } from '../admission/admission.ts';
import { shown } from '../admission/change-draft.ts';
import type { Authorize } from '../auth/access.ts';
import { compileConditions, lookupFor, verdictOf, type Condition } from '../webhooks/conditions.ts';
import { compileMatch, type Match } from '../webhooks/match.ts';
import { requestOf } from '../webhooks/review.ts';

export type Policy = ValidatingAdmissionPolicy | MutatingAdmissionPolicy;
export type Binding = ValidatingAdmissionPolicyBinding | MutatingAdmissionPolicyBinding;

export interface PolicyDeps {
  readonly authorize: Authorize;
  readonly versionsOf: (kind: Kind) => readonly Kind[];
  /** Undefined: no such kind is served. */
  readonly kindNamed: (apiVersion: string, kind: string) => Kind | undefined;
}

export interface Bound<P extends Policy, B extends Binding> {
  readonly policy: P;
  readonly matches: Match;
  readonly conditions: readonly Condition[];
  /** The names that its expressions may say. */
  readonly names: ReadonlyMap<string, Type>;
  readonly variables: ReadonlyMap<string, Program>;
  readonly bindings: readonly { readonly binding: B; readonly matches: Match | undefined }[];
}

/** One evaluation: of a policy through a binding, with one parameter object (or none). */
export interface Case<B extends Binding> {
  readonly binding: B;
  /** The form of the kind in which the policy asks for the object. */
  readonly as: Kind;
  readonly lookup: (name: string) => unknown;
  readonly budget: CostBudget;
}

/** What comes of a policy for one write: cases to evaluate, or what went wrong on the way. */
export type Outcome<B extends Binding> = { readonly type: 'case'; readonly of: Case<B> } | { readonly type: 'error'; readonly binding: B | undefined; readonly message: string };

export interface PolicyPlugin<P, B> {
  readonly plugin: Admission;
  setPolicies(policies: readonly P[]): void;
  setBindings(bindings: readonly B[]): void;
}

/** The policies of one kind as they are bound now: compiled when they or their bindings change, not when they are asked. */
export class PolicySet<P extends Policy, B extends Binding, C> {
  compiled: readonly C[] = [];
  readonly setters: Omit<PolicyPlugin<P, B>, 'plugin'>;

  constructor(deps: PolicyDeps, compileOne: (bound: Bound<P, B>) => C) {
    let policies: readonly P[] = [];
    let bindings: readonly B[] = [];
    const renew = () => {
      this.compiled = boundPolicies(policies, bindings, deps).map(compileOne);
    };
    this.setters = {
      setPolicies(all) {
        policies = all;
        renew();
      },
      setBindings(all) {
        bindings = all;
        renew();
      },
    };
  }
}

/** Policies without a binding do nothing, and are left out. */
function boundPolicies<P extends Policy, B extends Binding>(policies: readonly P[], bindings: readonly B[], deps: PolicyDeps): readonly Bound<P, B>[] {
  const byName = (a: KubeObject, b: KubeObject) => (a.metadata.name < b.metadata.name ? -1 : 1);
  return [...policies].sort(byName).flatMap((policy) => {
    const own = bindings.filter(({ spec }) => spec.policyName === policy.metadata.name).sort(byName);
    if (own.length === 0) return [];
    const { matchConstraints, matchConditions, variables } = policy.spec;
    const names = mutationVariables(policy.spec);
    return [{
      policy,
      matches: matchOf(matchConstraints, deps),
      conditions: compileConditions(matchConditions ?? [], conditionVariables(policy.spec)),
      names,
      variables: new Map((variables ?? []).map(({ name, expression }) => [name, compileStored(expression, names)])),
      bindings: own.map((binding) => ({ binding, matches: binding.spec.matchResources && matchOf(binding.spec.matchResources, deps) })),
    }];
  });
}

function matchOf(resources: Policy['spec']['matchConstraints'], deps: PolicyDeps): Match {
  // A binding that names no rules narrows by its selectors alone.
  const rules = resources?.resourceRules ?? [{ operations: ['*'], apiGroups: ['*'], apiVersions: ['*'], resources: ['*', '*/*'] }];
  return compileMatch({ ...resources, rules, excluded: resources?.excludeResourceRules ?? [] }, deps.versionsOf);
}

export function* casesOf<P extends Policy, B extends Binding>(bound: Bound<P, B>, request: AdmissionRequest, world: AdmissionWorld, deps: PolicyDeps): Generator<Outcome<B>> {
  const as = bound.matches(request, world);
  if (!as) return;
  const budget = new CostBudget();
  const seen = as.storedAs || request.subresource ? { ...request, draft: request.draft && shown(request, as, request.draft), before: request.before && shown(request, as, request.before) } : request;
  const review = () => requestOf(request, as, '', {});
  for (const { binding, matches } of bound.bindings) {
    if (matches && !matches(request, world)) continue;
    const params = paramsOf(bound.policy, binding, request, world, deps);
    if (typeof params === 'string') {
      yield { type: 'error', binding, message: params };
      continue;
    }
    for (const param of params) {
      const lookup: (name: string) => unknown = lookupFor(seen, review, deps.authorize, {
        params: () => untyped(param ?? null),
        namespaceObject: () => untyped(request.namespace ? (world.get(namespaces, { namespace: '', name: request.namespace }) ?? null) : null),
        variables: () => new Fields('variables', lazy(bound.variables, (name) => lookup(name), budget)),
      });
      const verdict = bound.conditions.length === 0 ? 'met' : verdictOf(bound.conditions, lookup);
      if (verdict === 'not met') continue;
      yield verdict === 'met' ? { type: 'case', of: { binding, as, lookup, budget } } : { type: 'error', binding, message: verdict.error };
    }
  }
}

/** Variables are evaluated when they are first asked for, and once. */
function lazy(programs: ReadonlyMap<string, Program>, lookup: (name: string) => unknown, budget: CostBudget): ReadonlyMap<string, unknown> {
  const known = new Map<string, unknown>();
  const get = (name: string): unknown => {
    const program = programs.get(name);
    if (program && !known.has(name)) known.set(name, program.run(lookup, budget));
    return known.get(name);
  };
  return { get, has: (name: string) => programs.has(name), get size() { return programs.size; } } as unknown as ReadonlyMap<string, unknown>;
}

/** One for each evaluation; a text says why there are none though there must be. */
function paramsOf(policy: Policy, { spec }: Binding, request: AdmissionRequest, world: AdmissionWorld, deps: PolicyDeps): readonly (KubeObject | undefined)[] | string {
  const { paramKind } = policy.spec;
  const { paramRef } = spec;
  if (!paramKind || !paramRef) return [undefined];
  const kind = deps.kindNamed(paramKind.apiVersion!, paramKind.kind!);
  if (!kind) return `failed to find resource referenced by paramKind: '${paramKind.apiVersion}, Kind=${paramKind.kind}'`;
  const namespace = kind.namespaced ? paramRef.namespace || request.namespace : '';
  if (kind.namespaced && !namespace) return 'cannot use namespaced paramRef in policy binding that matches cluster-scoped resources';
  const selector = labelSelectorOf(paramRef.selector ?? {});
  const found = paramRef.name
    ? [world.get(kind, { namespace, name: paramRef.name })].filter((one) => one !== undefined)
    : world.list(kind, kind.namespaced ? namespace : undefined).filter(({ metadata }) => selector.matches(metadata.labels));
  if (found.length > 0) return found;
  return paramRef.parameterNotFoundAction === 'Allow' ? [] : 'no params found for policy binding with `Deny` parameterNotFoundAction';
}
