// The rules of a Job's podFailurePolicy and successPolicy.
import { parseIndexes } from '../../batch/indexes.ts';
import { qualifiedName } from '../../names.ts';
import type { JobSpec } from '../../types.ts';
import { present, type Report } from '../validation/report.ts';

const most = { rules: 20, exitCodes: 255, patterns: 20, indexesText: 64 * 1024, successRules: 20 };
const actions = ['Count', 'FailIndex', 'FailJob', 'Ignore'];

const listed = (words: readonly string[]) => `valid values: [${words.map((word) => JSON.stringify(word)).join(' ')}]`;

type FailureRule = NonNullable<JobSpec['podFailurePolicy']>['rules'][number];

export function checkFailurePolicy(report: Report, field: string, spec: JobSpec): void {
  const rules = spec.podFailurePolicy?.rules ?? [];
  if (rules.length > most.rules) report.tooMany(`${field}.rules`, rules.length, most.rules);
  rules.forEach((rule, index) => checkFailureRule(report, `${field}.rules[${index}]`, rule, spec));
}

function checkFailureRule(report: Report, field: string, { action, onExitCodes, onPodConditions = [] }: FailureRule, spec: JobSpec): void {
  if (!action) report.required(`${field}.action`, listed(actions));
  else if (action === 'FailIndex') {
    if (!present(spec.backoffLimitPerIndex)) report.invalid(`${field}.action`, action, 'requires the backoffLimitPerIndex to be set');
  } else report.word(`${field}.action`, action, actions);
  if (onExitCodes) checkExitCodes(report, `${field}.onExitCodes`, onExitCodes, spec);
  if (onPodConditions.length > most.patterns) report.tooMany(`${field}.onPodConditions`, onPodConditions.length, most.patterns);
  onPodConditions.forEach(({ type, status }, index) => {
    const at = `${field}.onPodConditions[${index}]`;
    report.follows(`${at}.type`, type ?? '', qualifiedName);
    if (!status) report.required(`${at}.status`, listed(['False', 'True', 'Unknown']));
    else report.word(`${at}.status`, status, ['False', 'True', 'Unknown']);
  });
  if (onExitCodes && onPodConditions.length > 0) report.problem(field, 'specifying both OnExitCodes and OnPodConditions is not supported');
  if (!onExitCodes && onPodConditions.length === 0) report.problem(field, 'specifying one of OnExitCodes and OnPodConditions is required');
}

function checkExitCodes(report: Report, field: string, { operator, containerName, values = [] }: NonNullable<FailureRule['onExitCodes']>, { template }: JobSpec): void {
  if (!operator) report.required(`${field}.operator`, listed(['In', 'NotIn']));
  else report.word(`${field}.operator`, operator, ['In', 'NotIn']);
  const names = [...(template?.spec?.containers ?? []), ...(template?.spec?.initContainers ?? [])].map(({ name }) => name);
  if (present(containerName) && !names.includes(containerName)) report.invalid(`${field}.containerName`, containerName, 'must be one of the container or initContainer names in the pod template');
  if (values.length === 0) report.invalid(`${field}.values`, values, 'at least one value is required');
  else if (values.length > most.exitCodes) report.tooMany(`${field}.values`, values.length, most.exitCodes);
  values.forEach((value, index) => {
    if (operator === 'In' && value === 0) report.invalid(`${field}.values[${index}]`, value, 'must not be 0 for the In operator');
    if (values.indexOf(value) < index) report.duplicate(`${field}.values[${index}]`, value);
  });
  if (values.some((value, index) => index > 0 && values[index - 1]! > value)) report.invalid(`${field}.values`, values, 'must be ordered');
}

export function checkSuccessPolicy(report: Report, field: string, { successPolicy, completions = 0 }: JobSpec): void {
  const rules = successPolicy?.rules ?? [];
  if (rules.length === 0) report.required(`${field}.rules`, 'at least one rules must be specified when the successPolicy is specified');
  if (rules.length > most.successRules) report.tooMany(`${field}.rules`, rules.length, most.successRules);
  rules.forEach(({ succeededCount, succeededIndexes }, index) => {
    const at = `${field}.rules[${index}]`;
    if (!present(succeededCount) && !present(succeededIndexes)) report.required(at, 'at least one of succeededCount or succeededIndexes must be specified');
    let indexCount = 0;
    if (present(succeededIndexes)) {
      if (succeededIndexes.length > most.indexesText) report.tooLong(`${at}.succeededIndexes`, most.indexesText);
      try {
        indexCount = parseIndexes(succeededIndexes, completions).length;
      } catch (error) {
        report.invalid(`${at}.succeededIndexes`, succeededIndexes, `error parsing succeededIndexes: ${(error as Error).message}`);
      }
    }
    if (!present(succeededCount)) return;
    report.notNegative(`${at}.succeededCount`, succeededCount);
    if (succeededCount > completions) report.invalid(`${at}.succeededCount`, succeededCount, `must be less than or equal to ${completions} (the number of specified completions)`);
    if (present(succeededIndexes) && succeededCount > indexCount) report.invalid(`${at}.succeededCount`, succeededCount, `must be less than or equal to ${indexCount} (the number of indexes in the specified succeededIndexes field)`);
  });
}
