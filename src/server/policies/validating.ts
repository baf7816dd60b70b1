// The plug-in ValidatingAdmissionPolicy: each binding says what becomes of a write that its policy finds wrong.
import { ApiError } from '../../api/error.ts';
import { compile, OverBudget, type Program } from '../../api/cel/program.ts';
import { EvaluationError } from '../../api/cel/values.ts';
import type { ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding } from '../../api/types.ts';
import type { AdmissionRequest, AdmissionWorld } from '../admission/admission.ts';
import { forbidden } from '../admission/forbidden.ts';
import { casesOf, names, PolicySet, type Bound, type Case, type PolicyDeps, type PolicyPlugin } from './policy.ts';

type Binding = ValidatingAdmissionPolicyBinding;

interface Compiled extends Bound<ValidatingAdmissionPolicy, Binding> {
  readonly validations: readonly { readonly program: Program; readonly messageProgram: Program | undefined; readonly message: string | undefined; readonly reason: string }[];
}

export type ValidatingPolicies = PolicyPlugin<ValidatingAdmissionPolicy, Binding>;

export function createValidatingPolicies(deps: PolicyDeps): ValidatingPolicies {
  const set = new PolicySet<ValidatingAdmissionPolicy, Binding, Compiled>(deps, (bound) => ({
    ...bound,
    validations: (bound.policy.spec.validations ?? []).map(({ expression, message, messageExpression, reason = 'Invalid' }) => ({
      program: compile(expression, names),
      messageProgram: messageExpression ? compile(messageExpression, names) : undefined,
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
        for (const one of set.compiled) validate(one, request, world, deps);
      },
    },
  };
}

function validate(compiled: Compiled, request: AdmissionRequest, world: AdmissionWorld, deps: PolicyDeps): void {
  const isStrict = compiled.policy.spec.failurePolicy !== 'Ignore';
  for (const outcome of casesOf(compiled, request, world, deps)) {
    if (outcome.type === 'error') {
      if (isStrict) decide(compiled.policy, outcome.binding!, request, outcome.message, 'Invalid');
      continue;
    }
    for (const validation of compiled.validations) {
      const said = failureOf(validation, outcome.of);
      if (said === undefined || (said.isError && !isStrict)) continue;
      decide(compiled.policy, outcome.of.binding, request, said.message, validation.reason);
    }
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

function decide(policy: ValidatingAdmissionPolicy, binding: Binding, request: AdmissionRequest, message: string, reason: string): void {
  const where = `'${policy.metadata.name}' with binding '${binding.metadata.name}'`;
  const actions = binding.spec.validationActions ?? [];
  if (actions.includes('Warn')) request.warnings?.push(`Validation failed for ValidatingAdmissionPolicy ${where}: ${message}`);
  if (!actions.includes('Deny')) return;
  const text = `ValidatingAdmissionPolicy ${where} denied request: ${message}`;
  const refusal = forbidden(request, text);
  throw new ApiError(codes[reason] ?? 422, reason, refusal.message, { ...refusal.details, causes: [{ message: text }] });
}
