// The status of a Deployment: counts from its ReplicaSets, whether it is available, and whether it gets on.
import { conditionOf } from '../../api/meta.ts';
import type { Deployment } from '../../api/types.ts';
import { formatTime, parseTime } from '../../base/clock.ts';
import { fencesOf } from './fences.ts';
import { sizeOf, sum, type Sets } from './sets.ts';

export type DeploymentStatus = Deployment['status'];
export type DeploymentCondition = NonNullable<DeploymentStatus['conditions']>[number];

export interface Said {
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
}

/** `news` is what just happened to the rollout (a set created, found, refused, paused …); undefined: nothing but the passing of time. */
export function deploymentStatus(deployment: Deployment, sets: Sets, news: Said | undefined, nowMs: number): DeploymentStatus {
  const { fresh, old } = sets;
  const all = fresh ? [fresh, ...old] : old;
  const availableReplicas = sum(all, ({ status }) => status?.availableReplicas);
  const counts = {
    replicas: sum(all, ({ status }) => status?.replicas),
    updatedReplicas: fresh?.status?.replicas ?? 0,
    readyReplicas: sum(all, ({ status }) => status?.readyReplicas),
    availableReplicas,
    unavailableReplicas: Math.max(0, sum(all, sizeOf) - availableReplicas),
  };
  const status: DeploymentStatus = { observedGeneration: deployment.metadata.generation, collisionCount: deployment.status?.collisionCount, ...withoutZeros(counts) };
  status.terminatingReplicas = sum(all, ({ status }) => status?.terminatingReplicas);
  if (status.collisionCount === undefined) delete status.collisionCount;

  let conditions: readonly DeploymentCondition[] = deployment.status?.conditions ?? [];
  if (news && hasDeadline(deployment)) conditions = set(conditions, 'Progressing', news, nowMs);
  conditions = set(conditions, 'Available', availability(deployment, availableReplicas), nowMs);
  conditions = progress(deployment, sets, status, conditions, nowMs);
  conditions = replicaFailure(sets, conditions);
  return { ...status, conditions: [...conditions] };
}

export function isComplete(deployment: Deployment, status: DeploymentStatus): boolean {
  const wanted = deployment.spec.replicas ?? 1;
  return (
    (status.updatedReplicas ?? 0) === wanted &&
    (status.replicas ?? 0) === wanted &&
    (status.availableReplicas ?? 0) === wanted &&
    (status.observedGeneration ?? 0) >= (deployment.metadata.generation ?? 0)
  );
}

/** When the deadline of progress is over; undefined: there is nothing to wait for. */
export function deadlineAfterMs(deployment: Deployment, status: DeploymentStatus, nowMs: number): number | undefined {
  const condition = conditionOf(status.conditions, 'Progressing');
  if (!hasDeadline(deployment) || !condition || deployment.spec.paused || condition.reason === timedOut || isComplete(deployment, status)) return undefined;
  return Math.max(1_000, deadlineMs(deployment, condition) - nowMs + 1_000);
}

/** What being paused or resumed says about progress; undefined when it is said already, or a timeout was. */
export function pauseNews(deployment: Deployment): Said | undefined {
  const reason = conditionOf(deployment.status?.conditions, 'Progressing')?.reason;
  if (reason === timedOut) return undefined;
  if (deployment.spec.paused && reason !== 'DeploymentPaused') return { status: 'Unknown', reason: 'DeploymentPaused', message: 'Deployment is paused' };
  if (!deployment.spec.paused && reason === 'DeploymentPaused') return { status: 'Unknown', reason: 'DeploymentResumed', message: 'Deployment is resumed' };
  return undefined;
}

const timedOut = 'ProgressDeadlineExceeded';
const done = 'NewReplicaSetAvailable';
const noDeadline = 2 ** 31 - 1;

export function hasDeadline({ spec }: Deployment): boolean {
  return spec.progressDeadlineSeconds !== undefined && spec.progressDeadlineSeconds !== null && spec.progressDeadlineSeconds !== noDeadline;
}

function deadlineMs({ spec }: Deployment, condition: DeploymentCondition): number {
  return parseTime(condition.lastUpdateTime ?? condition.lastTransitionTime ?? '') + spec.progressDeadlineSeconds! * 1000;
}

function availability(deployment: Deployment, availableReplicas: number): Said {
  return availableReplicas >= (deployment.spec.replicas ?? 1) - fencesOf(deployment).maxUnavailable
    ? { status: 'True', reason: 'MinimumReplicasAvailable', message: 'Deployment has minimum availability.' }
    : { status: 'False', reason: 'MinimumReplicasUnavailable', message: 'Deployment does not have minimum availability.' };
}

function progress(deployment: Deployment, { fresh }: Sets, status: DeploymentStatus, conditions: readonly DeploymentCondition[], nowMs: number): readonly DeploymentCondition[] {
  if (!hasDeadline(deployment)) return conditions.filter(({ type }) => type !== 'Progressing');
  if (deployment.spec.paused) return conditions;
  const present = conditionOf(conditions, 'Progressing');
  const subject = fresh ? `ReplicaSet "${fresh.metadata.name}"` : `Deployment "${deployment.metadata.name}"`;
  const success: Said = { status: 'True', reason: done, message: `${subject} has successfully progressed.` };
  const isAtRest = (status.replicas ?? 0) === (status.updatedReplicas ?? 0) && present?.reason === done;
  // A rollout of which only the end was seen must not be told as the one before it.
  if (isAtRest && (present.message === success.message || !isComplete(deployment, status))) return conditions;
  if (isComplete(deployment, status)) return set(conditions, 'Progressing', success, nowMs, isAtRest);
  if (gotOn(deployment.status ?? {}, status)) return set(conditions, 'Progressing', { status: 'True', reason: 'ReplicaSetUpdated', message: `${subject} is progressing.` }, nowMs, true);
  if (present && present.reason !== done && (present.reason === timedOut || deadlineMs(deployment, present) < nowMs)) {
    return set(conditions, 'Progressing', { status: 'False', reason: timedOut, message: `${subject} has timed out progressing.` }, nowMs);
  }
  return conditions;
}

function gotOn(before: DeploymentStatus, now: DeploymentStatus): boolean {
  const old = ({ replicas = 0, updatedReplicas = 0 }: DeploymentStatus) => replicas - updatedReplicas;
  return (
    (now.updatedReplicas ?? 0) > (before.updatedReplicas ?? 0) ||
    old(now) < old(before) ||
    (now.readyReplicas ?? 0) > (before.readyReplicas ?? 0) ||
    (now.availableReplicas ?? 0) > (before.availableReplicas ?? 0)
  );
}

/** What keeps a set from making Pods is shown here too, the fresh set's before the others'. */
function replicaFailure({ fresh, old }: Sets, conditions: readonly DeploymentCondition[]): readonly DeploymentCondition[] {
  const failure = [fresh, ...old].map((set) => conditionOf(set?.status?.conditions, 'ReplicaFailure')).find((found) => found !== undefined);
  const before = conditionOf(conditions, 'ReplicaFailure');
  if (failure && before?.reason === failure.reason && before?.status === failure.status) return conditions;
  const others = conditions.filter(({ type }) => type !== 'ReplicaFailure');
  return failure ? [...others, { ...failure, lastUpdateTime: failure.lastTransitionTime }] : others.length === conditions.length ? conditions : others;
}

/** The same status and reason again change nothing, unless the time of the update is what is to be told (`renew`). */
function set(conditions: readonly DeploymentCondition[], type: string, said: Said, nowMs: number, renew = false): readonly DeploymentCondition[] {
  const before = conditionOf(conditions, type);
  if (!renew && before?.status === said.status && before.reason === said.reason) return conditions;
  const now = formatTime(nowMs);
  const since = before?.status === said.status ? before.lastTransitionTime : now;
  return [...conditions.filter((other) => other.type !== type), { type, ...said, lastUpdateTime: now, lastTransitionTime: since }];
}

function withoutZeros(counts: Readonly<Record<string, number>>): Partial<DeploymentStatus> {
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count !== 0));
}
