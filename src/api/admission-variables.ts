// What expressions about a write may name, and of what types: of the object only evaluation knows them, unless someone asks
// whether an expression would fit objects of one kind.
import { ExpressionError } from './cel/ast.ts';
import { compile } from './cel/program.ts';
import { dyn, listOf, mapOf, objectOf, simple, type Type } from './cel/types.ts';

const text = simple('string');
const kind = objectOf('kubernetes.GroupVersionKind', new Map([['group', text], ['version', text], ['kind', text]]));
const resource = objectOf('kubernetes.GroupVersionResource', new Map([['group', text], ['version', text], ['resource', text]]));
const userInfo = objectOf('kubernetes.UserInfo', new Map<string, Type>([['username', text], ['uid', text], ['groups', listOf(text)], ['extra', mapOf(text, listOf(text))]]));

/** Without the object and the old object, which are names of their own. */
const request = objectOf('kubernetes.AdmissionRequest', new Map<string, Type>([
  ['kind', kind], ['resource', resource], ['subResource', text],
  ['requestKind', kind], ['requestResource', resource], ['requestSubResource', text],
  ['name', text], ['namespace', text], ['operation', text], ['userInfo', userInfo], ['dryRun', simple('bool')], ['options', dyn],
]));

const namespaceObject = objectOf('kubernetes.Namespace', new Map<string, Type>([
  ['metadata', objectOf('kubernetes.NamespaceMetadata', new Map<string, Type>([
    ['name', text], ['generateName', text], ['namespace', text], ['labels', mapOf(text, text)], ['annotations', mapOf(text, text)], ['uid', text],
    ['creationTimestamp', dyn], ['deletionGracePeriodSeconds', simple('int')], ['deletionTimestamp', dyn], ['generation', simple('int')], ['resourceVersion', text], ['finalizers', listOf(text)],
  ]))],
  ['spec', objectOf('kubernetes.NamespaceSpec', new Map([['finalizers', listOf(text)]]))],
  ['status', objectOf('kubernetes.NamespaceStatus', new Map<string, Type>([['conditions', listOf(dyn)], ['phase', text]]))],
]));

export const admissionVariables: ReadonlyMap<string, Type> = new Map<string, Type>([
  ['object', dyn],
  ['oldObject', dyn],
  ['request', request],
  ['namespaceObject', namespaceObject],
  ['authorizer', simple('authorizer')],
]);

export interface PolicyNames {
  readonly paramKind?: unknown;
  readonly variables?: readonly { readonly name: string; readonly expression: string }[];
}

/** Of a policy's conditions: without its variables. */
export function conditionVariables({ paramKind }: PolicyNames, types: { readonly object?: Type; readonly params?: Type } = {}): ReadonlyMap<string, Type> {
  const object = types.object ?? dyn;
  return new Map<string, Type>([...admissionVariables, ['object', object], ['oldObject', object], ...(paramKind ? [['params', types.params ?? dyn] as const] : [])]);
}

/** A variable has the type of its expression, and may name those before it. */
export function policyVariables(policy: PolicyNames, types: { readonly object?: Type; readonly params?: Type } = {}): ReadonlyMap<string, Type> {
  const fields = new Map<string, Type>();
  const names = new Map([...conditionVariables(policy, types), ['variables', objectOf('kubernetes.variables', fields)]]);
  for (const { name, expression } of policy.variables ?? []) fields.set(name, typeOfExpression(expression, names));
  return names;
}

/** What a mutation may make. */
export function mutationVariables(policy: PolicyNames): ReadonlyMap<string, Type> {
  return new Map([...policyVariables(policy), ['Object', dyn], ['JSONPatch', dyn]]);
}

function typeOfExpression(expression: string, names: ReadonlyMap<string, Type>): Type {
  try {
    return compile(expression ?? '', names).type;
  } catch (error) {
    if (error instanceof ExpressionError) return dyn; // which is told of the variable itself
    throw error;
  }
}
