// What is wrong with the x-kubernetes-validations of a schema, told when it is declared.
import { ExpressionError } from '../cel/ast.ts';
import { compile, type Program } from '../cel/program.ts';
import type { Type } from '../cel/types.ts';
import type { Report } from '../kinds/validation/report.ts';
import { fieldsOfPath } from './json-path.ts';
import { isEmbedded, itemsOf, propertyOf, valuesOf, type JsonSchema, type ValidationRule } from './json-schema.ts';
import { ruleVariables } from './rules.ts';

const reasons: readonly string[] = ['FieldValueRequired', 'FieldValueForbidden', 'FieldValueInvalid', 'FieldValueDuplicate'];

export function checkRules(report: Report, path: string, schema: JsonSchema): void {
  visit(report, path, schema, true, undefined);
}

/** `uncorrelated`: the list above, items of which have no identity, so that no old one is theirs. */
function visit(report: Report, path: string, schema: JsonSchema, isResource: boolean, uncorrelated: string | undefined): void {
  (schema['x-kubernetes-validations'] ?? []).forEach((rule, i) => checkRule(report, `${path}.x-kubernetes-validations[${i}]`, rule, schema, isResource, uncorrelated));
  const items = itemsOf(schema);
  if (items) visit(report, `${path}.items`, items, isEmbedded(items), uncorrelated ?? (schema['x-kubernetes-list-type'] === 'map' ? undefined : path));
  const values = valuesOf(schema);
  if (values) visit(report, `${path}.additionalProperties`, values, isEmbedded(values), uncorrelated);
  for (const [name, property] of Object.entries(schema.properties ?? {})) visit(report, `${path}.properties[${name}]`, property, isEmbedded(property), uncorrelated);
}

function checkRule(report: Report, path: string, rule: ValidationRule, schema: JsonSchema, isResource: boolean, uncorrelated: string | undefined): void {
  if (!rule.rule?.trim()) return report.required(`${path}.rule`, 'rule is not specified');
  if (rule.message !== undefined) {
    if (rule.message.trim() === '') report.invalid(`${path}.message`, rule.message, 'message must be non-empty if specified');
    else if (rule.message.trim().includes('\n')) report.invalid(`${path}.message`, rule.message, 'message must not contain line breaks');
  }
  if (rule.rule.trim().includes('\n') && !rule.message) report.required(`${path}.message`, 'message must be specified if rule contains line breaks');
  if (rule.reason !== undefined && !reasons.includes(rule.reason)) report.notSupported(`${path}.reason`, rule.reason, reasons);
  if (rule.fieldPath !== undefined && !isPathIn(schema, rule.fieldPath)) report.invalid(`${path}.fieldPath`, rule.fieldPath, 'fieldPath must be a valid path');
  const variables = ruleVariables(schema, isResource, rule);
  const program = checkExpression(report, `${path}.rule`, rule.rule, variables, 'bool', 'cel expression must evaluate to a bool');
  if (program?.uses('oldSelf') && uncorrelated) report.invalid(`${path}.rule`, rule.rule, `oldSelf cannot be used on the uncorrelatable portion of the schema within ${uncorrelated}`);
  if (program && !program.uses('oldSelf') && rule.optionalOldSelf !== undefined) report.invalid(`${path}.optionalOldSelf`, rule.optionalOldSelf, 'option optionalOldSelf may not be set if oldSelf is not used in rule');
  if (rule.messageExpression === undefined) return;
  if (rule.messageExpression.trim() === '') report.required(`${path}.messageExpression`, 'must be non-empty if specified');
  else checkExpression(report, `${path}.messageExpression`, rule.messageExpression, variables, 'string', 'messageExpression must evaluate to a string');
}

/** Undefined when it cannot be compiled, which is told. */
export function checkExpression(report: Report, path: string, text: string, variables: ReadonlyMap<string, Type>, kind: string, otherwise: string): Program | undefined {
  try {
    const program = compile(text, variables);
    if (program.type.kind !== kind && program.type.kind !== 'dyn') report.invalid(path, text, otherwise);
    return program;
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    report.invalid(path, text, `compilation failed: ${error.message}`);
    return undefined;
  }
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
