// The columns that a CustomResourceDefinition declares for `kubectl get`.
import { parseTime } from '../../base/clock.ts';
import type { Column } from '../kind.ts';
import { ageColumn, nameColumn } from '../kinds/columns.ts';
import { formatSince } from '../time.ts';
import type { KubeObject } from '../types.ts';
import { parseJsonPath } from './json-path.ts';

export interface PrinterColumn {
  readonly name: string;
  readonly type: string;
  readonly jsonPath: string;
  readonly format?: string;
  readonly description?: string;
  readonly priority?: number;
}

/** Without any, the age is shown. */
export function columnsOf(declared: readonly PrinterColumn[] | undefined): readonly Column<KubeObject>[] {
  return declared?.length ? [nameColumn, ...declared.map(columnOf)] : [nameColumn, ageColumn];
}

function columnOf({ name, type, jsonPath, format, description = '', priority = 0 }: PrinterColumn): Column<KubeObject> {
  const path = parseJsonPath(jsonPath);
  return {
    name,
    type: type as Column<KubeObject>['type'],
    ...(format ? { format: format as '' } : {}),
    description: description || `Custom resource definition column (in JSONPath format): ${jsonPath}`,
    priority: priority as 0 | 1,
    cell(object, nowMs) {
      const [value] = path(object);
      return value === undefined || value === null ? null : cellOf(type, value, nowMs);
    },
  };
}

function cellOf(type: string, value: unknown, nowMs: number): string | number | boolean | null {
  switch (type) {
    case 'integer':
      return typeof value === 'number' ? Math.trunc(value) : null;
    case 'number':
      return typeof value === 'number' ? value : null;
    case 'boolean':
      return typeof value === 'boolean' ? value : null;
    case 'date':
      if (typeof value !== 'string') return null;
      return Number.isNaN(parseTime(value)) ? '<invalid>' : formatSince(value, nowMs);
    default:
      return typeof value === 'object' ? JSON.stringify(value) : String(value);
  }
}
