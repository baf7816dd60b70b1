// What is wrong with the x-kubernetes-validations of a schema.
import type { Report } from '../kinds/validation/report.ts';
import type { JsonSchema } from './json-schema.ts';

export function checkRules(_report: Report, _path: string, _schema: JsonSchema, _before?: JsonSchema): void {
}
