// What is wrong with the x-kubernetes-validations of a schema, told when it is declared: what cannot be read, what has not the right
// type, and what could cost too much.
import { ExpressionError } from '../cel/ast.ts';
import { compile, compileAndEstimate, type Program } from '../cel/program.ts';
import { plus, times } from '../cel/sizes.ts';
import type { Type } from '../cel/types.ts';
import type { Report } from '../kinds/validation/report.ts';
import { mostOf, sizeAtIn, sizesOf, type ValueSizes } from './cel-sizes.ts';
import { fieldsOfPath } from './json-path.ts';
import { isEmbedded, itemsOf, propertyOf, valuesOf, type JsonSchema, type ValidationRule } from './json-schema.ts';
import { ruleVariables } from './rules.ts';

const reasons: readonly string[] = ['FieldValueDuplicate', 'FieldValueForbidden', 'FieldValueInvalid', 'FieldValueRequired'];

/** Of one rule, wherever its values may be; and of all rules of a schema together. As kube-apiserver has it. */
const mostOfRule = 10_000_000;
const mostOfSchema = 100_000_000;

export function checkRules(report: Report, path: string, schema: JsonSchema): void {
  const total = new TotalCost();
  visit({ report, total }, { path, schema, isResource: true, uncorrelated: undefined, count: 1, sizes: undefined });
  total.tell(report, path);
}

interface Checking {
  readonly report: Report;
  readonly total: TotalCost;
}

interface Place {
  readonly path: string;
  readonly schema: JsonSchema;
  readonly isResource: boolean;
  /** The list above, items of which have no identity, so that no old one is theirs. */
  readonly uncorrelated: string | undefined;
  /** How many values there may be in one object; undefined: nothing above bounds it. */
  readonly count: number | undefined;
  /** Known where a rule above has asked for them. */
  readonly sizes: ValueSizes | undefined;
}

function visit(checking: Checking, place: Place): void {
  const { path, schema, isResource, uncorrelated, count } = place;
  const rules = schema['x-kubernetes-validations'] ?? [];
  const sizes = place.sizes ?? (rules.length > 0 ? sizesOf(schema, isResource) : undefined);
  rules.forEach((rule, i) => checkRule(checking, `${path}.x-kubernetes-validations[${i}]`, rule, { ...place, sizes }));
  const inner = (at: string, of: JsonSchema, more: Partial<Place>) => visit(checking, { path: `${path}.${at}`, schema: of, isResource: isEmbedded(of), uncorrelated, count: countBelow(schema, count), sizes: undefined, ...more });
  const items = itemsOf(schema);
  if (items) inner('items', items, { uncorrelated: uncorrelated ?? (schema['x-kubernetes-list-type'] === 'map' ? undefined : path), sizes: sizes?.held });
  const values = valuesOf(schema);
  if (values) inner('additionalProperties', values, { sizes: sizes?.held });
  const isAtomic = schema['x-kubernetes-map-type'] === 'atomic';
  for (const [name, property] of Object.entries(schema.properties ?? {})) inner(`properties[${name}]`, property, { uncorrelated: uncorrelated ?? (isAtomic ? path : undefined) });
}

function countBelow(schema: JsonSchema, count: number | undefined): number | undefined {
  if (count === undefined) return undefined;
  const isMap = schema.type === 'object' && schema.additionalProperties !== undefined;
  const most = schema.type === 'array' ? schema.maxItems : isMap ? schema.maxProperties : 1;
  return most === undefined ? undefined : times(count, Math.max(0, most));
}

function checkRule({ report, total }: Checking, path: string, rule: ValidationRule, { schema, isResource, uncorrelated, count, sizes }: Place): void {
  const problems = report.causes.length;
  checkShape(report, path, rule, schema);
  if (report.causes.length > problems) return;
  if (!sizes) return report.invalid(`${path}.rule`, rule.rule, 'unable to convert structural schema to CEL declarations');
  const variables = ruleVariables(schema, isResource, rule);
  const compiled = compiledOf(() => compileAndEstimate(rule.rule, variables, sizeAtIn(sizes)));
  if (typeof compiled === 'string') return report.invalid(`${path}.rule`, rule.rule, `compilation failed: ${compiled}`);
  const { program } = compiled;
  if (program.type.kind !== 'bool') return report.invalid(`${path}.rule`, rule.rule, 'cel expression must evaluate to a bool');
  const cost = times(compiled.cost, count ?? mostOf(sizes));
  if (cost > mostOfRule) report.forbidden(`${path}.rule`, costProblem('estimated rule cost', cost, mostOfRule));
  total.add(`${path}.rule`, cost);
  if (rule.messageExpression) {
    const message = compiledOf(() => compileAndEstimate(rule.messageExpression!, variables, sizeAtIn(sizes)));
    if (typeof message === 'string') report.invalid(`${path}.messageExpression`, rule.messageExpression, `messageExpression compilation failed: ${message}`);
    else if (message.program.type.kind !== 'string') report.invalid(`${path}.messageExpression`, rule.messageExpression, 'messageExpression must evaluate to a string');
    else {
      if (message.cost > mostOfRule) report.forbidden(`${path}.messageExpression`, costProblem('estimated messageExpression cost', message.cost, mostOfRule));
      total.add(`${path}.messageExpression`, message.cost);
    }
  }
  if (program.uses('oldSelf')) {
    if (uncorrelated) report.invalid(`${path}.rule`, rule.rule, `oldSelf cannot be used on the uncorrelatable portion of the schema within ${uncorrelated}`);
  } else if (rule.optionalOldSelf !== undefined) report.invalid(`${path}.optionalOldSelf`, rule.optionalOldSelf, 'may not be set if oldSelf is not used in rule');
}

/** What is wrong before anything is compiled. */
function checkShape(report: Report, path: string, rule: ValidationRule, schema: JsonSchema): void {
  const said = rule.rule?.trim() ?? '';
  const message = rule.message?.trim() ?? '';
  if (said === '') report.required(`${path}.rule`, 'rule is not specified');
  else if (rule.message && message === '') report.invalid(`${path}.message`, rule.message, 'message must be non-empty if specified');
  else if (hasLineBreak(message)) report.invalid(`${path}.message`, rule.message, 'message must not contain line breaks');
  else if (hasLineBreak(said) && message === '') report.required(`${path}.message`, 'message must be specified if rule contains line breaks');
  if (rule.messageExpression && rule.messageExpression.trim() === '') report.required(`${path}.messageExpression`, 'messageExpression must be non-empty if specified');
  if (rule.reason !== undefined && !reasons.includes(rule.reason)) report.notSupported(`${path}.reason`, rule.reason, reasons);
  if (!rule.fieldPath) return;
  if (rule.fieldPath.trim() === '') report.invalid(`${path}.fieldPath`, rule.fieldPath, 'fieldPath must be non-empty if specified');
  if (hasLineBreak(rule.fieldPath)) report.invalid(`${path}.fieldPath`, rule.fieldPath, 'fieldPath must not contain line breaks');
  if (!isPathIn(schema, rule.fieldPath)) report.invalid(`${path}.fieldPath`, rule.fieldPath, 'fieldPath must be a valid path');
}

const hasLineBreak = (text: string): boolean => /[\n\r]/.test(text);

/** A text: why it cannot be compiled. */
function compiledOf<T>(make: () => T): T | string {
  try {
    return make();
  } catch (error) {
    if (error instanceof ExpressionError) return error.message;
    throw error;
  }
}

function costProblem(what: string, cost: number, most: number): string {
  const factor = cost / most;
  const shown = factor > 100 ? 'more than 100x' : `${factor.toFixed(factor < 1.5 ? 6 : 1)}x`;
  return `${what} exceeds budget by factor of ${shown} (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)`;
}

/** Of all rules of a schema, and which of them are dearest. */
class TotalCost {
  #total = 0;
  #dearest: readonly { readonly field: string; readonly cost: number }[] = [];

  add(field: string, cost: number): void {
    this.#total = plus(this.#total, cost);
    if (cost >= mostOfSchema / 100) this.#dearest = [...this.#dearest, { field, cost }].sort((a, b) => b.cost - a.cost).slice(0, 4);
  }

  tell(report: Report, path: string): void {
    if (this.#total <= mostOfSchema) return;
    for (const { field } of this.#dearest) report.forbidden(field, 'contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema');
    report.forbidden(path, costProblem('x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema', this.#total, mostOfSchema));
  }
}

/** Undefined when it cannot be compiled, which is told. `kinds`: of what it may come to; undefined: anything. */
export function checkExpression(report: Report, path: string, text: string, variables: ReadonlyMap<string, Type>, kinds: readonly string[] | undefined, otherwise: string): Program | undefined {
  const program = compiledOf(() => compile(text, variables));
  if (typeof program === 'string') return void report.invalid(path, text, `compilation failed: ${program}`);
  if (kinds && !kinds.includes(program.type.kind)) report.invalid(path, text, otherwise);
  return program;
}

function isPathIn(schema: JsonSchema, fieldPath: string): boolean {
  if (!fieldPath.startsWith('.') && !fieldPath.startsWith('[')) return false;
  try {
    const steps = fieldsOfPath(fieldPath);
    return steps !== undefined && steps.length > 0 && steps.reduce<JsonSchema | undefined>((at, name) => at && (propertyOf(at, name) ?? valuesOf(at)), schema) !== undefined;
  } catch {
    return false;
  }
}
