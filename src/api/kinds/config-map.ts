// The ConfigMap: texts and bytes by key, read by Pods.
import { configKey } from '../names.ts';
import type { ConfigMap } from '../types.ts';
import { ageColumn, integer, nameColumn } from './columns.ts';
import { defineKind } from './define-kind.ts';
import { checkBytes, checkFrozen, mostDataBytes } from './validation/data.ts';
import { Report } from './validation/report.ts';

export const configMaps = defineKind<ConfigMap>({
  kind: 'ConfigMap',
  shortNames: ['cm'],
  validate({ data, binaryData }) {
    const report = new Report();
    let bytes = 0;
    for (const key in data) {
      report.follows(`data[${key}]`, key, configKey);
      if (binaryData && Object.hasOwn(binaryData, key)) report.invalid(`data[${key}]`, key, 'duplicate of key present in binaryData');
      bytes += Buffer.byteLength(data[key]!);
    }
    for (const key in binaryData) {
      report.follows(`binaryData[${key}]`, key, configKey);
      bytes += checkBytes(report, `binaryData[${key}]`, binaryData[key]!);
    }
    if (bytes > mostDataBytes) report.tooLong('', mostDataBytes);
    return report.causes;
  },
  validateUpdate(configMap, before) {
    const report = new Report();
    checkFrozen(report, configMap, before, ['data', 'binaryData']);
    return report.causes;
  },
  columns: [
    nameColumn,
    integer('Data', 'How many keys there are.', ({ data, binaryData }) => Object.keys(data ?? {}).length + Object.keys(binaryData ?? {}).length),
    ageColumn,
  ],
});
