// Which objects are meant: label selectors as objects and as text, and field selectors.
import { ApiError } from './error.ts';
import type { Kind } from './kind.ts';
import { parseLabelRequirements, type LabelOperator, type LabelRequirement } from './selectors-parse.ts';
import type { KubeObject, LabelSelector } from './types.ts';

export type Labels = Readonly<Record<string, string>>;

export interface LabelMatcher {
  /** Undefined: it selects nothing at all. */
  readonly requirements: readonly LabelRequirement[] | undefined;
  /** No requirement: it selects everything. */
  readonly isEmpty: boolean;
  matches(labels: Labels | undefined): boolean;
  /** As written in a query: `app=web,tier in (a,b)`. */
  toString(): string;
}

/** Reads `app=web,env!=prod,tier in (a,b),!legacy,size>3`. Throws ApiError BadRequest in Kubernetes' words. */
export function parseLabelSelector(text: string | undefined): LabelMatcher {
  return text ? labelMatcher(parseLabelRequirements(text)) : everything;
}

/** A selector of an object's spec: `{matchLabels, matchExpressions}`, or the plain map of Services and ReplicationControllers. */
export function labelSelectorOf(selector: LabelSelector | Labels | null | undefined): LabelMatcher {
  if (!selector) return nothing;
  const { matchLabels, matchExpressions } = selector as LabelSelector;
  const isWhole = (matchLabels && typeof matchLabels === 'object') || Array.isArray(matchExpressions);
  const equal: Labels = isWhole ? (matchLabels ?? {}) : (selector as Labels);
  return labelMatcher([
    ...Object.entries(equal).map(([key, value]): LabelRequirement => ({ key, operator: '=', values: [value] })),
    ...(isWhole ? (matchExpressions ?? []) : []).map(({ key, operator, values }): LabelRequirement => ({
      key,
      operator: expressionOperators[operator] ?? 'nothing',
      values: values ?? [],
    })),
  ]);
}

/** The matcher of requirements that all must hold; also for node selectors, whose operators it knows (Gt, Lt). */
export function labelMatcher(requirements: readonly LabelRequirement[]): LabelMatcher {
  if (requirements.length === 0) return everything;
  const sorted = [...requirements].sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  return {
    requirements: sorted,
    isEmpty: false,
    matches: (labels = noLabels) => sorted.every((requirement) => holds(requirement, labels)),
    toString: () => sorted.map(requirementText).join(','),
  };
}

const noLabels: Labels = {};

export const everything: LabelMatcher = { requirements: [], isEmpty: true, matches: () => true, toString: () => '' };
export const nothing: LabelMatcher = { requirements: undefined, isEmpty: false, matches: () => false, toString: () => '' };

/** The operators of matchExpressions as those of the query language. */
export const expressionOperators: Readonly<Record<string, LabelOperator>> = {
  In: 'in',
  NotIn: 'notin',
  Exists: 'exists',
  DoesNotExist: '!',
  Gt: '>',
  Lt: '<',
};

export function holds({ key, operator, values }: LabelRequirement, labels: Labels): boolean {
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (operator) {
    case '=':
    case '==':
    case 'in':
      return value !== undefined && values.includes(value);
    case '!=':
    case 'notin':
      return value === undefined || !values.includes(value);
    case 'exists':
      return value !== undefined;
    case '!':
      return value === undefined;
    case '>':
    case '<': {
      const limit = values[0];
      if (value === undefined || limit === undefined || !isInteger(value) || !isInteger(limit)) return false;
      return operator === '>' ? BigInt(value) > BigInt(limit) : BigInt(value) < BigInt(limit);
    }
    case 'nothing':
      return false;
  }
}

function isInteger(text: string): boolean {
  return /^[+-]?\d+$/.test(text) && !text.startsWith('+');
}

function requirementText({ key, operator, values }: LabelRequirement): string {
  if (operator === 'exists') return key;
  if (operator === '!') return `!${key}`;
  const listed = [...values].sort().join(',');
  return operator === 'in' || operator === 'notin' ? `${key} ${operator} (${listed})` : `${key}${operator}${listed}`;
}

export interface FieldTerm {
  readonly field: string;
  readonly operator: '=' | '!=';
  readonly value: string;
}

export interface FieldMatcher<T = KubeObject> {
  readonly terms: readonly FieldTerm[];
  readonly isEmpty: boolean;
  matches(object: T): boolean;
  /** The one value that the field must have, if the selector says so. */
  exact(field: string): string | undefined;
}

/** Reads `status.phase=Running,spec.nodeName!=a` without asking whether those fields can be selected on. */
export function parseFieldSelector(text: string | undefined): readonly FieldTerm[] {
  if (!text) return [];
  return text.split(',').filter(Boolean).sort().map((part) => {
    for (const sign of ['!=', '==', '='] as const) {
      const [field, value, more] = part.split(sign);
      if (field !== undefined && value !== undefined && more === undefined) return { field, operator: sign === '!=' ? '!=' : '=', value };
    }
    throw ApiError.badRequest(`invalid selector: '${text}'; can't understand '${part}'`);
  });
}

/** The matcher for a kind; throws ApiError BadRequest for a field that the kind cannot be selected by. */
export function fieldMatcher<T extends KubeObject>(kind: Pick<Kind<T>, 'selectableFields'>, text: string | undefined): FieldMatcher<T> {
  const tests = parseFieldSelector(text).map((term) => ({ term, read: fieldReader(kind, term.field) }));
  return {
    terms: tests.map(({ term }) => term),
    isEmpty: tests.length === 0,
    matches: (object) => tests.every(({ term, read }) => (read(object) === term.value) === (term.operator === '=')),
    exact: (field) => tests.find(({ term }) => term.field === field && term.operator === '=')?.term.value,
  };
}

function fieldReader<T extends KubeObject>(kind: Pick<Kind<T>, 'selectableFields'>, field: string): (object: T) => string {
  if (field === 'metadata.name') return (object) => object.metadata.name;
  if (field === 'metadata.namespace') return (object) => object.metadata.namespace ?? '';
  const own = kind.selectableFields && Object.hasOwn(kind.selectableFields, field) ? kind.selectableFields[field] : undefined;
  if (own) return own;
  // Fields of our own are not spoken of.
  const hasOthers = Object.keys(kind.selectableFields ?? {}).some((name) => !name.startsWith('peapod.dev/'));
  throw ApiError.badRequest(
    hasOthers
      ? `field label not supported: ${field}`
      : `${JSON.stringify(field)} is not a known field selector: only "metadata.name", "metadata.namespace"`,
  );
}
