// What a podFailurePolicy says of a Pod that failed: the first rule that fits it decides.
import { isPodFinished } from '../../api/meta.ts';
import type { ContainerStatus, Job, Pod } from '../../api/types.ts';

export type Verdict =
  | { readonly action: 'Count' }
  | { readonly action: 'Ignore' }
  | { readonly action: 'FailIndex' }
  | { readonly action: 'FailJob'; readonly message: string };

type Rule = NonNullable<Job['spec']['podFailurePolicy']>['rules'][number];

export function judge(job: Job, pod: Pod): Verdict {
  for (const [index, rule] of (job.spec.podFailurePolicy?.rules ?? []).entries()) {
    const why = matches(rule, pod);
    if (!why) continue;
    if (rule.action === 'FailJob') return { action: 'FailJob', message: `${why} matching ${rule.action} rule at index ${index}` };
    if (rule.action === 'Ignore' || rule.action === 'FailIndex') return { action: rule.action };
    return { action: 'Count' };
  }
  return { action: 'Count' };
}

/** Why the rule fits; undefined: it does not. */
function matches({ onExitCodes, onPodConditions }: Rule, pod: Pod): string | undefined {
  const name = `${pod.metadata.namespace}/${pod.metadata.name}`;
  if (onExitCodes) {
    const { containerName, operator, values } = onExitCodes;
    const fits = ({ name: container, state }: ContainerStatus) => {
      const code = state?.terminated?.exitCode;
      if (code === undefined || code === 0 || (containerName && container !== containerName)) return false;
      return values.includes(code) === (operator === 'In');
    };
    const found = [...(pod.status.containerStatuses ?? []), ...(pod.status.initContainerStatuses ?? [])].find(fits);
    return found && isPodFinished(pod) ? `Container ${found.name} for pod ${name} failed with exit code ${found.state!.terminated!.exitCode}` : undefined;
  }
  const found = onPodConditions?.find(({ type, status }) => pod.status.conditions?.some((condition) => condition.type === type && condition.status === status));
  return found && `Pod ${name} has condition ${found.type}`;
}
