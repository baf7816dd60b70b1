// The RuntimeClass: by which handler of the container runtime Pods are run, what that costs, and which nodes have it.
import { dnsLabel } from '../names.ts';
import { sameJson } from '../meta.ts';
import { canonicalQuantity } from '../quantity.ts';
import type { RuntimeClass } from '../types.ts';
import { ageColumn, nameColumn, text } from './columns.ts';
import { defineKind } from './define-kind.ts';
import { checkAmount } from './pod/validate-resources.ts';
import { checkTolerations } from './pod/validate-scheduling.ts';
import { Report } from './validation/report.ts';
import { checkLabels } from './validation/rules.ts';
import { oldLabel } from './validation/warnings.ts';

export const runtimeClasses = defineKind<RuntimeClass>({
  kind: 'RuntimeClass',
  group: 'node.k8s.io',
  plural: 'runtimeclasses',
  namespaced: false,
  defaults({ overhead }) {
    const amounts = overhead?.podFixed;
    for (const name in amounts) amounts[name] = canonicalQuantity(amounts[name]!);
  },
  warnings: ({ scheduling }) => Object.keys(scheduling?.nodeSelector ?? {}).flatMap((key) => (oldLabel(key) ? [`scheduling.nodeSelector: ${oldLabel(key)}`] : [])),
  validate({ handler, overhead, scheduling }) {
    const report = new Report();
    report.follows('handler', handler ?? '', dnsLabel);
    for (const name in overhead?.podFixed) checkAmount(report, `overhead.podFixed.limits[${name}]`, name, overhead.podFixed[name]!);
    checkLabels(report, 'scheduling.nodeSelector', scheduling?.nodeSelector);
    const tolerations = scheduling?.tolerations ?? [];
    checkTolerations(report, 'scheduling.tolerations', tolerations);
    tolerations.forEach((one, index) => {
      if (tolerations.findIndex((other) => sameJson(one, other)) < index) report.duplicate(`scheduling.tolerations[${index}]`, one);
    });
    return report.causes;
  },
  validateUpdate({ handler }, before) {
    const report = new Report();
    report.immutable('handler', handler, before.handler);
    return report.causes;
  },
  columns: [nameColumn, text('Handler', 'What the container runtime calls it.', ({ handler }) => handler), ageColumn],
});
