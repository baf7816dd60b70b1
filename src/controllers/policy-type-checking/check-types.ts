// Whether a policy's expressions fit the kinds that it names: a field that one of them lacks is told before any object of it comes.
import { policyVariables } from '../../api/admission-variables.ts';
import { ExpressionError } from '../../api/cel/ast.ts';
import { compile } from '../../api/cel/program.ts';
import type { Type } from '../../api/cel/types.ts';
import type { ValidatingAdmissionPolicy } from '../../api/types.ts';

export interface TypedKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly type: Type;
}

export interface TypeSource {
  /** Undefined: nothing like it is served. */
  ofResource(group: string, version: string, plural: string): TypedKind | undefined;
  ofKind(apiVersion: string, kind: string): Type | undefined;
}

export interface ExpressionWarning {
  readonly fieldRef: string;
  readonly warning: string;
}

/** So many kinds are looked at, as upstream does. */
const mostKinds = 10;

export function expressionWarnings({ spec }: ValidatingAdmissionPolicy, source: TypeSource): readonly ExpressionWarning[] {
  const kinds = namedKinds(spec.matchConstraints?.resourceRules ?? [], source);
  const params = spec.paramKind ? source.ofKind(spec.paramKind.apiVersion ?? '', spec.paramKind.kind ?? '') : undefined;
  const names = kinds.map((kind) => ({ kind, names: policyVariables(spec as never, { object: kind.type, ...(params ? { params } : {}) }) }));
  const warningOf = (fieldRef: string, expression: string | undefined): readonly ExpressionWarning[] => {
    if (!expression) return [];
    const problems = names.flatMap((one) => {
      const problem = problemOf(expression, one.names);
      return problem === undefined ? [] : [`${one.kind.group === '' ? '' : `${one.kind.group}/`}${one.kind.version}, Kind=${one.kind.kind}: ${problem}\n`];
    });
    return problems.length > 0 ? [{ fieldRef, warning: problems.join('\n') }] : [];
  };
  return (spec.validations ?? []).flatMap(({ expression, messageExpression }, i) => [
    ...warningOf(`spec.validations[${i}].expression`, expression),
    ...warningOf(`spec.validations[${i}].messageExpression`, messageExpression),
  ]);
}

function problemOf(expression: string, names: ReadonlyMap<string, Type>): string | undefined {
  try {
    compile(expression, names);
    return undefined;
  } catch (error) {
    if (error instanceof ExpressionError) return error.message;
    throw error;
  }
}

type Rules = readonly { readonly apiGroups?: string[]; readonly apiVersions?: string[]; readonly resources?: string[] }[];

/** Those that rules name outright: what a `*` stands for is not looked at. */
function namedKinds(rules: Rules, source: TypeSource): readonly TypedKind[] {
  const found = new Map<string, TypedKind>();
  for (const { apiGroups = [], apiVersions = [], resources = [] } of rules) {
    if ([...apiGroups, ...apiVersions].some((name) => name.includes('*'))) continue;
    for (const group of apiGroups.toSorted()) {
      for (const version of apiVersions.toSorted()) {
        for (const plural of resources.filter((name) => !/[*/]/.test(name)).toSorted()) {
          const kind = found.size < mostKinds ? source.ofResource(group, version, plural) : undefined;
          if (kind) found.set(`${group}/${version}/${kind.kind}`, kind);
        }
      }
    }
  }
  return [...found.keys()].toSorted().map((name) => found.get(name)!);
}
