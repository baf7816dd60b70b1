// The plug-in ValidatingAdmissionPolicy: each binding says what becomes of a write that its policy finds wrong.
import { ApiError } from '../../api/error.ts';
import { compileStored, OverBudget, type Program } from '../../api/cel/program.ts';
import { EvaluationError } from '../../api/cel/values.ts';
import type { Annotate } from '../../api/request.ts';
import type { ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding } from '../../api/types.ts';
import type { AdmissionRequest, AdmissionWorld } from '../admission/admission.ts';
import { forbidden } from '../admission/forbidden.ts';
import { casesOf, PolicySet, type Bound, type Case, type PolicyDeps, type PolicyPlugin } from './policy.ts';

type Binding = ValidatingAdmissionPolicyBinding;

interface Compiled extends Bound<ValidatingAdmissionPolicy, Binding> {
  readonly auditAnnotations: readonly { readonly key: string; readonly program: Program }[];
  readonly validations: readonly { readonly program: Program; readonly messageProgram: Program | undefined; readonly message: string | undefined; readonly reason: string }[];
}

export type ValidatingPolicies = PolicyPlugin<ValidatingAdmissionPolicy, Binding>;

export function createValidatingPolicies(deps: PolicyDeps): ValidatingPolicies {
  const set = new PolicySet<ValidatingAdmissionPolicy, Binding, Compiled>(deps, (bound) => ({
    ...bound,
    auditAnnotations: (bound.policy.spec.auditAnnotations ?? []).map(({ key = '', valueExpression = '' }) => ({ key, program: compileStored(valueExpression, bound.names) })),
    validations: (bound.policy.spec.validations ?? []).map(({ expression, message, messageExpression, reason = 'Invalid' }) => ({
      program: compileStored(expression, bound.names),
      messageProgram: messageExpression ? compileStored(messageExpression, bound.names) : undefined,
      message,
      reason,
    })),
  }));
  return {
    ...set.setters,
    plugin: {
      name: 'ValidatingAdmissionPolicy',
      handles: () => set.compiled.length > 0,
      validate(request, world) {
        const told = new Told();
        try {
          for (const one of set.compiled) validate(one, request, world, deps, told);
        } finally {
          // Of a write that is refused, too.
          if (request.annotate) told.to(request.annotate);
        }
      },
    },
  };
}

function validate(compiled: Compiled, request: AdmissionRequest, world: AdmissionWorld, deps: PolicyDeps, told: Told): void {
  const isStrict = compiled.policy.spec.failurePolicy !== 'Ignore';
  for (const outcome of casesOf(compiled, request, world, deps)) {
    if (outcome.type === 'error') {
      if (isStrict) decide(compiled.policy, outcome.binding!, request, outcome.message, 'Invalid', 0, told);
      continue;
    }
    if (request.annotate) annotate(compiled, outcome.of, told);
    compiled.validations.forEach((validation, index) => {
      const said = failureOf(validation, outcome.of);
      if (said === undefined || (said.isError && !isStrict)) return;
      decide(compiled.policy, outcome.of.binding, request, said.message, validation.reason, index, told);
    });
  }
}

/** Undefined: nothing is wrong. */
function failureOf({ program, messageProgram, message }: Compiled['validations'][number], { lookup, budget }: Case<Binding>): { message: string; isError: boolean } | undefined {
  try {
    if (program.run(lookup, budget) === true) return undefined;
  } catch (error) {
    if (!(error instanceof EvaluationError) && !(error instanceof OverBudget)) throw error;
    return { message: `expression '${program.text}' resulted in error: ${error.message}`, isError: true };
  }
  try {
    const text = messageProgram?.run(lookup, budget);
    if (typeof text === 'string' && text.trim() !== '' && !text.includes('\n')) return { message: text.trim(), isError: false };
  } catch (error) {
    if (!(error instanceof EvaluationError) && !(error instanceof OverBudget)) throw error;
  }
  return { message: message?.trim() || `failed expression: ${program.text.trim()}`, isError: false };
}

const codes: Readonly<Record<string, number>> = { Unauthorized: 401, Forbidden: 403, RequestEntityTooLarge: 413, Invalid: 422 };

/** What the audit log is to say, gathered from all policies and bindings that a write meets. */
class Told {
  readonly #failures: object[] = [];
  readonly #annotations = new Map<string, string[]>();

  failure(failure: { message: string; policy: string; binding: string; expressionIndex: number; validationActions: readonly string[] }): void {
    this.#failures.push(failure);
  }

  annotation(key: string, value: string): void {
    const values = this.#annotations.get(key) ?? [];
    if (!values.includes(value)) this.#annotations.set(key, [...values, value]);
  }

  to(annotate: Annotate): void {
    if (this.#failures.length > 0) annotate('validation.policy.admission.k8s.io/validation_failure', JSON.stringify(this.#failures));
    for (const [key, values] of this.#annotations) annotate(key, values.join(', '));
  }
}

/** As kube-apiserver bounds them. */
const longestAnnotation = 10 * 1024;

function annotate({ policy, auditAnnotations }: Compiled, { lookup, budget }: Case<Binding>, told: Told): void {
  for (const { key, program } of auditAnnotations) {
    try {
      const value = program.run(lookup, budget);
      if (typeof value === 'string' && value.trim() !== '') told.annotation(`${policy.metadata.name}/${key}`, value.trim().slice(0, longestAnnotation));
    } catch (error) {
      if (!(error instanceof EvaluationError) && !(error instanceof OverBudget)) throw error;
    }
  }
}

function decide(policy: ValidatingAdmissionPolicy, binding: Binding, request: AdmissionRequest, message: string, reason: string, expressionIndex: number, told: Told): void {
  const where = `'${policy.metadata.name}' with binding '${binding.metadata.name}'`;
  const actions = binding.spec.validationActions ?? [];
  if (actions.includes('Audit')) told.failure({ message, policy: policy.metadata.name, binding: binding.metadata.name, expressionIndex, validationActions: actions });
  if (actions.includes('Warn')) request.warnings?.push(`Validation failed for ValidatingAdmissionPolicy ${where}: ${message}`);
  if (!actions.includes('Deny')) return;
  const text = `ValidatingAdmissionPolicy ${where} denied request: ${message}`;
  const refusal = forbidden(request, text);
  throw new ApiError(codes[reason] ?? 422, reason, refusal.message, { ...refusal.details, causes: [{ message: text }] });
}
