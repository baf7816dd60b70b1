// The LimitRange: what each container, Pod or claim of a namespace may ask for, and what it gets where it asks for nothing.
import { qualifiedName } from '../names.ts';
import { compareQuantities, formatQuantity, parseQuantity, quantity, quantityMessage, quantityToNumber, type Quantity } from '../quantity.ts';
import type { LimitRange, LimitRangeItem } from '../types.ts';
import { nameColumn, text } from './columns.ts';
import { defineKind } from './define-kind.ts';
import { isKnown } from './pod/validate-resources.ts';
import { Report } from './validation/report.ts';

const standardTypes = ['Pod', 'Container', 'PersistentVolumeClaim'];
const parts = ['max', 'min', 'default', 'defaultRequest', 'maxLimitRequestRatio'] as const;
type Part = (typeof parts)[number];

export const limitRanges = defineKind<LimitRange>({
  kind: 'LimitRange',
  shortNames: ['limits'],
  defaults({ spec }) {
    for (const item of spec?.limits ?? []) if (item.type === 'Container') defaultContainer(item);
  },
  validate({ spec }) {
    const report = new Report();
    const seen = new Set<string>();
    for (const [index, item] of (spec?.limits ?? []).entries()) {
      const at = `spec.limits[${index}]`;
      checkType(report, `${at}.type`, item.type);
      if (seen.has(item.type)) report.duplicate(`${at}.type`, item.type);
      seen.add(item.type);
      checkItem(report, at, item);
    }
    return report.causes;
  },
  columns: [nameColumn, text('Created At', 'When the object was created.', ({ metadata }) => metadata.creationTimestamp)],
});

/** A most is also the default limit, a default limit also the default request, and then a least is. */
function defaultContainer(item: LimitRangeItem): void {
  if (item.max) item.default = { ...item.max, ...item.default };
  if (item.default) item.defaultRequest = { ...item.default, ...item.defaultRequest };
  if (item.min) item.defaultRequest = { ...item.min, ...item.defaultRequest };
}

function checkType(report: Report, field: string, type: string): void {
  const wrong = qualifiedName(type ?? '');
  for (const why of wrong) report.invalid(field, type, why);
  if (wrong.length === 0 && !type.includes('/') && !standardTypes.includes(type)) report.invalid(field, type, 'must be a standard limit type or fully qualified');
}

function checkItem(report: Report, at: string, item: LimitRangeItem): void {
  const resources = new Set<string>();
  for (const part of parts) {
    const isDefault = part === 'default' || part === 'defaultRequest';
    if (isDefault && item.type === 'Pod') {
      if (Object.keys(item[part] ?? {}).length > 0) report.forbidden(`${at}.${part}`, "may not be specified when `type` is 'Pod'");
      continue;
    }
    for (const [resource, amount] of Object.entries(item[part] ?? {})) {
      const field = `${at}.${part}[${resource}]`;
      const wrong = qualifiedName(resource);
      for (const why of wrong) report.invalid(field, resource, why);
      if (wrong.length === 0 && !isKnown(resource) && resource !== 'storage') report.invalid(field, resource, 'must be a standard resource type or fully qualified');
      if (parseQuantity(amount)) resources.add(resource);
      else report.invalid(field, amount, quantityMessage);
    }
  }
  if (item.type === 'PersistentVolumeClaim' && !item.min?.storage && !item.max?.storage) {
    report.required(`${at}.limits`, 'either minimum or maximum storage value is required, but neither was provided');
  }
  for (const resource of resources) checkOrder(report, at, item, resource);
}

/** min ≤ defaultRequest ≤ default ≤ max, as far as they are given. */
function checkOrder(report: Report, at: string, item: LimitRangeItem, resource: string): void {
  const amounts = Object.fromEntries(parts.map((part) => [part, item[part]?.[resource] === undefined ? undefined : parseQuantity(item[part]![resource]!)])) as Record<Part, Quantity | undefined>;
  const { min, max, default: limit, defaultRequest: request, maxLimitRequestRatio: ratio } = amounts;
  const above = (a: Quantity | undefined, b: Quantity | undefined): boolean => !!a && !!b && compareQuantities(a, b) > 0;
  const shown = (part: Part) => formatQuantity(amounts[part]!);
  const say = (part: Part, why: string) => report.invalid(`${at}.${part}[${resource}]`, shown(part), why);
  if (above(min, max)) say('min', `min value ${shown('min')} is greater than max value ${shown('max')}`);
  if (above(min, request)) say('defaultRequest', `min value ${shown('min')} is greater than default request value ${shown('defaultRequest')}`);
  if (above(request, max)) say('defaultRequest', `default request value ${shown('defaultRequest')} is greater than max value ${shown('max')}`);
  if (above(request, limit)) say('defaultRequest', `default request value ${shown('defaultRequest')} is greater than default limit value ${shown('default')}`);
  if (above(min, limit)) say('default', `min value ${shown('min')} is greater than default value ${shown('default')}`);
  if (above(limit, max)) say('default', `default value ${shown('default')} is greater than max value ${shown('max')}`);
  if (!ratio) return;
  if (above(quantity('1'), ratio)) say('maxLimitRequestRatio', `ratio ${shown('maxLimitRequestRatio')} is less than 1`);
  const widest = min && max && min.nano > 0n ? quantityToNumber(max) / quantityToNumber(min) : undefined;
  if (widest !== undefined && quantityToNumber(ratio) > widest) say('maxLimitRequestRatio', `ratio ${shown('maxLimitRequestRatio')} is greater than max/min = ${widest.toFixed(6)}`);
}
