// matchConditions, and all else that expressions say of a write: what they may name, and what they come to.
import type { UserInfo } from '../../api/kind.ts';
import { admissionVariables } from '../../api/admission-variables.ts';
import { compileStored, CostBudget, OverBudget, type Program } from '../../api/cel/program.ts';
import type { Methods } from '../../api/cel/evaluate.ts';
import { EvaluationError } from '../../api/cel/values.ts';
import { untyped } from '../../api/custom/cel-schema.ts';
import type { AdmissionRequest } from '../admission/admission.ts';
import type { Authorize } from '../auth/access.ts';

export interface Condition {
  readonly name: string;
  readonly program: Program;
}

export type ConditionsVerdict = 'met' | 'not met' | { readonly error: string };

export function compileConditions(conditions: readonly { readonly name: string; readonly expression: string }[], variables = admissionVariables): readonly Condition[] {
  return conditions.map(({ name, expression }) => ({ name, program: compileStored(expression, variables) }));
}

/** One that is not met decides, even when another cannot be evaluated. */
export function verdictOf(conditions: readonly Condition[], lookup: (name: string) => unknown): ConditionsVerdict {
  const budget = new CostBudget();
  const errors: string[] = [];
  for (const { program } of conditions) {
    try {
      if (program.run(lookup, budget) !== true) return 'not met';
    } catch (error) {
      if (!(error instanceof EvaluationError) && !(error instanceof OverBudget)) throw error;
      errors.push(`expression '${program.text}' resulted in error: ${error.message}`);
    }
  }
  return errors.length === 0 ? 'met' : { error: errors.length === 1 ? errors[0]! : `[${errors.join(', ')}]` };
}

/** The values of the names that expressions about a write may say; each is made when it is first asked for. */
export function lookupFor(request: AdmissionRequest, review: () => object, authorize: Authorize, more: Readonly<Record<string, () => unknown>> = {}): (name: string) => unknown {
  const made = new Map<string, unknown>();
  const sources: Readonly<Record<string, () => unknown>> = {
    object: () => untyped(request.verb === 'delete' ? null : (request.draft ?? null)),
    oldObject: () => untyped(request.verb === 'create' ? null : (request.before ?? null)),
    request: () => untyped(review()),
    namespaceObject: () => null,
    authorizer: () => ({ ...authorizer(request.user, authorize), field: (name) => (name === 'requestResource' ? authorizer(request.user, authorize, askedBy(request)) : undefined) }) satisfies Methods,
    ...more,
  };
  return (name) => {
    if (!Object.hasOwn(sources, name)) return undefined;
    if (!made.has(name)) made.set(name, sources[name]!());
    return made.get(name);
  };
}

interface Asked {
  readonly group?: string;
  readonly resource?: string;
  readonly subresource?: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly path?: string;
}

/** `authorizer.requestResource`: what the request itself is about. */
function askedBy({ kind, subresource, namespace, name }: AdmissionRequest): Asked {
  return { group: kind.group, resource: kind.plural, ...(subresource ? { subresource } : {}), ...(namespace ? { namespace } : {}), ...(name ? { name } : {}) };
}

/** `authorizer.group('apps').resource('deployments').namespace('x').check('create').allowed()`. */
function authorizer(user: UserInfo, authorize: Authorize, asked: Asked = {}): Methods {
  return {
    call(method: string, args: readonly unknown[]) {
      const text = String(args[0] ?? '');
      if (['group', 'resource', 'subresource', 'namespace', 'name', 'path'].includes(method)) return authorizer(user, authorize, { ...asked, [method]: text });
      // Of selectors no authorizer here makes anything.
      if (method === 'fieldSelector' || method === 'labelSelector') return authorizer(user, authorize, asked);
      if (method === 'serviceAccount') {
        const name = String(args[1]);
        return authorizer({ username: `system:serviceaccount:${text}:${name}`, groups: ['system:serviceaccounts', `system:serviceaccounts:${text}`, 'system:authenticated'] }, authorize, asked);
      }
      if (method !== 'check') throw new EvaluationError('no such overload');
      const { group = '', resource = '', subresource, namespace, name, path } = asked;
      const decision = authorize(path !== undefined ? { user, verb: text, path } : { user, verb: text as never, resource: { group, plural: resource }, subresource: subresource || undefined, namespace: namespace || undefined, name: name || undefined });
      return { call: (what: string) => (what === 'allowed' ? decision.allowed : what === 'errored' ? false : what === 'reason' ? (decision.allowed ? '' : decision.why) : '') };
    },
  };
}
