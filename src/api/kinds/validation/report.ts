// Collects what is wrong with an object, field by field, in Kubernetes' words. Rules are methods, so that a kind's
// validation reads as a table of paths and rules.
import type { FieldCause } from '../../error.ts';
import { sameJson } from '../../meta.ts';
import type { NameRule } from '../../names.ts';

export class Report {
  readonly causes: FieldCause[] = [];

  required(field: string, detail = ''): void {
    this.#add('FieldValueRequired', field, 'Required value', detail);
  }

  invalid(field: string, value: unknown, detail: string): void {
    this.#add('FieldValueInvalid', field, `Invalid value: ${shown(value)}`, detail);
  }

  /** As `invalid`, where the value would be too long to show. */
  problem(field: string, detail: string): void {
    this.#add('FieldValueInvalid', field, 'Invalid value', detail);
  }

  notSupported(field: string, value: unknown, supported: readonly string[]): void {
    this.#add('FieldValueNotSupported', field, `Unsupported value: ${shown(value)}`, `supported values: ${supported.map(shown).join(', ')}`);
  }

  duplicate(field: string, value: unknown, detail = ''): void {
    this.#add('FieldValueDuplicate', field, `Duplicate value: ${shown(value)}`, detail);
  }

  notFound(field: string, value: unknown, detail = ''): void {
    this.#add('FieldValueNotFound', field, `Not found: ${shown(value)}`, detail);
  }

  forbidden(field: string, detail: string): void {
    this.#add('FieldValueForbidden', field, 'Forbidden', detail);
  }

  tooLong(field: string, mostBytes: number): void {
    this.#add('FieldValueTooLong', field, 'Too long', `must have at most ${mostBytes} bytes`);
  }

  tooMany(field: string, count: number, most: number): void {
    this.#add('FieldValueTooMany', field, `Too many: ${count}`, `must have at most ${most} items`);
  }

  /** The value must follow a rule for names. */
  follows(field: string, value: string, rule: NameRule): void {
    for (const why of rule(value)) this.invalid(field, value, why);
  }

  /** As `follows`, where an absent value is missing. */
  requiredName(field: string, value: string | undefined, rule: NameRule): void {
    if (value) this.follows(field, value, rule);
    else this.required(field);
  }

  /** One of a set of words; absent is missing. */
  requiredWord(field: string, value: string | undefined, supported: readonly string[]): void {
    if (value) this.word(field, value, supported);
    else this.required(field);
  }

  /** One of a set of words, or absent. */
  word(field: string, value: string | undefined, supported: readonly string[]): void {
    if (present(value) && !supported.includes(value)) this.notSupported(field, value, supported);
  }

  notNegative(field: string, value: number | undefined): void {
    if (present(value) && value < 0) this.invalid(field, value, 'must be greater than or equal to 0');
  }

  between(field: string, value: number | undefined, least: number, most: number): void {
    if (present(value) && (value < least || value > most)) this.invalid(field, value, `must be between ${least} and ${most}, inclusive`);
  }

  port(field: string, value: number | undefined): void {
    this.between(field, value ?? 0, 1, 65535);
  }

  immutable(field: string, after: unknown, before: unknown): void {
    if (!sameJson(after, before)) this.invalid(field, after, 'field is immutable');
  }

  /** The same cause is told once, as upstream does. */
  #add(reason: string, field: string, what: string, detail: string): void {
    const message = detail ? `${what}: ${detail}` : what;
    if (this.causes.some((cause) => cause.field === field && cause.message === message)) return;
    this.causes.push({ reason, message, field });
  }
}

export function present<T>(value: T | null | undefined): value is T {
  return value !== undefined && value !== null;
}

/** A value as an error shows it: texts quoted, absent ones null. */
function shown(value: unknown): string {
  return JSON.stringify(value) ?? 'null';
}
