// The x-kubernetes-validations of a schema: compiled once, evaluated for every object, all under one budget.
import { CostBudget, compileStored, OverBudget, type Program } from '../cel/program.ts';
import { optionalOf, type Type } from '../cel/types.ts';
import { EvaluationError, none, Optional } from '../cel/values.ts';
import type { FieldCause } from '../error.ts';
import { isObject, sameJson } from '../patch/json.ts';
import { celTypeOf, celValueOf } from './cel-schema.ts';
import { oldItem } from './correlate.ts';
import { isEmbedded, itemsOf, propertyOf, under, valuesOf, type JsonSchema, type ValidationRule } from './json-schema.ts';

/** What the rules find wrong with an object. `before`: what it replaces. */
export type ValidateRules = (value: unknown, before?: unknown) => FieldCause[];

interface Node {
  readonly schema: JsonSchema;
  readonly isResource: boolean;
  readonly rules: readonly Compiled[];
  readonly items?: Node;
  readonly values?: Node;
  readonly properties: ReadonlyMap<string, Node>;
}

interface Compiled {
  readonly rule: ValidationRule;
  readonly program: Program;
  readonly message?: Program;
  readonly isTransition: boolean;
}

/** Undefined: it has none. */
export function compileRules(schema: JsonSchema): ValidateRules | undefined {
  const root = nodeOf(schema, true);
  if (!root) return undefined;
  return (value, before) => {
    const causes: FieldCause[] = [];
    const budget = new CostBudget();
    try {
      visit(root, value, before, '', causes, budget);
    } catch (error) {
      if (!(error instanceof OverBudget)) throw error;
      causes.push({ reason: 'FieldValueInvalid', field: '<nil>', message: `Invalid value: "": ${error.message}` });
    }
    return causes;
  };
}

/** The names that a rule may say. */
export function ruleVariables(schema: JsonSchema, isResource: boolean, { optionalOldSelf }: ValidationRule): ReadonlyMap<string, Type> {
  const self = celTypeOf(schema, isResource);
  return new Map([['self', self], ['oldSelf', optionalOldSelf ? optionalOf(self) : self]]);
}

function nodeOf(schema: JsonSchema, isResource: boolean): Node | undefined {
  const rules = (schema['x-kubernetes-validations'] ?? []).map((rule) => compiledOf(rule, schema, isResource));
  const inner = (of: JsonSchema | undefined) => of && nodeOf(of, isEmbedded(of));
  const items = inner(itemsOf(schema));
  const values = inner(valuesOf(schema));
  const properties = new Map(Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
    const node = inner(property);
    return node ? [[name, node] as const] : [];
  }));
  if (rules.length === 0 && !items && !values && properties.size === 0) return undefined;
  return { schema, isResource, rules, ...(items ? { items } : {}), ...(values ? { values } : {}), properties };
}

function compiledOf(rule: ValidationRule, schema: JsonSchema, isResource: boolean): Compiled {
  const variables = ruleVariables(schema, isResource, rule);
  const program = compileStored(rule.rule, variables);
  return { rule, program, ...(rule.messageExpression ? { message: compileStored(rule.messageExpression, variables) } : {}), isTransition: program.uses('oldSelf') };
}

function visit(node: Node, value: unknown, before: unknown, path: string, causes: FieldCause[], budget: CostBudget): void {
  if (value === null || value === undefined) return;
  if (node.rules.length > 0) evaluateRules(node, value, before, path, causes, budget);
  if (Array.isArray(value)) {
    const { items } = node;
    const old = Array.isArray(before) ? before : [];
    if (items) value.forEach((item, i) => visit(items, item, oldItem(node.schema, item, old), `${path}[${i}]`, causes, budget));
  } else if (isObject(value)) {
    for (const name in value) {
      const inner = node.properties.get(name) ?? (propertyOf(node.schema, name) ? undefined : node.values);
      if (inner) visit(inner, value[name], isObject(before) && Object.hasOwn(before, name) ? before[name] : undefined, under(path, name), causes, budget);
    }
  }
}

function evaluateRules({ schema, isResource, rules }: Node, value: unknown, before: unknown, path: string, causes: FieldCause[], budget: CostBudget): void {
  const isUntouched = before !== undefined && before !== null && sameJson(value, before);
  const self = celValueOf(value, schema, isResource);
  let old: unknown;
  for (const { rule, program, message, isTransition } of rules) {
    // What was so before does not stand in the way of a change elsewhere.
    if (!isTransition && isUntouched) continue;
    if (isTransition && !rule.optionalOldSelf && (before === undefined || before === null)) continue;
    if (isTransition) old ??= before === undefined || before === null ? undefined : celValueOf(before, schema, isResource);
    const oldSelf = rule.optionalOldSelf ? (old === undefined ? none : new Optional(true, old)) : old;
    const lookup = (name: string) => (name === 'self' ? self : name === 'oldSelf' ? oldSelf : undefined);
    const said = rule.rule.trim();
    try {
      if (program.run(lookup, budget) === true) continue;
      causes.push(refusal(rule, path, schema, messageOf(rule, message, lookup, budget) ?? rule.message?.trim() ?? `failed rule: ${said}`));
    } catch (error) {
      if (error instanceof OverBudget && !error.isOfAll) causes.push(problem(path, schema, `no further validation rules will be run due to call cost exceeds limit for rule: ${said}`));
      if (!(error instanceof EvaluationError)) throw error;
      causes.push(problem(path, schema, error.message === 'no such overload' ? `call arguments did not match a supported operator, function or macro signature for rule: ${said}` : `${error.message} evaluating rule: ${rule.message?.trim() || said}`));
    }
  }
}

/** Undefined: it came to nothing that can be shown. */
function messageOf(_rule: ValidationRule, message: Program | undefined, lookup: (name: string) => unknown, budget: CostBudget): string | undefined {
  if (!message) return undefined;
  try {
    const text = message.run(lookup, budget);
    return typeof text === 'string' && text.trim() !== '' && !text.includes('\n') && text.length <= 5 * 1024 ? text.trim() : undefined;
  } catch (error) {
    if (error instanceof EvaluationError) return undefined;
    throw error;
  }
}

function problem(path: string, schema: JsonSchema, detail: string): FieldCause {
  return { reason: 'FieldValueInvalid', field: path || '<nil>', message: `Invalid value: ${JSON.stringify(schema.type ?? '')}: ${detail}` };
}

function refusal({ reason, fieldPath }: ValidationRule, path: string, schema: JsonSchema, detail: string): FieldCause {
  const field = `${path}${fieldPath ?? ''}`.replace(/^\./, '') || '<nil>';
  const shown = JSON.stringify(schema.type ?? '');
  switch (reason) {
    case 'FieldValueForbidden': return { reason, field, message: `Forbidden: ${detail}` };
    case 'FieldValueRequired': return { reason, field, message: `Required value: ${detail}` };
    case 'FieldValueDuplicate': return { reason, field, message: `Duplicate value: ${shown}: ${detail}` };
    default: return { reason: 'FieldValueInvalid', field, message: `Invalid value: ${shown}: ${detail}` };
  }
}
