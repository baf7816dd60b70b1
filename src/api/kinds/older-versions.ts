// The same objects as older versions show them, for older clients. The fields are the same.
import type { Kind, Resource } from '../kind.ts';
import type { KubeObject } from '../types.ts';
import { cronJobs } from './cron-job.ts';
import { horizontalPodAutoscalers } from './horizontal-pod-autoscaler.ts';
import { podDisruptionBudgets } from './pod-disruption-budget.ts';

/** What is sent is checked as the stored kind, once its defaults are there. */
function as<T extends KubeObject>(kind: Kind<T>, version: string): Kind {
  return { ...kind, validate: undefined, version, storedAs: { resource: kind as unknown as Resource, fields: {} } } as unknown as Kind;
}

/** kubectl before 1.21 and 1.23. */
export const cronJobsV1beta1 = as(cronJobs, 'v1beta1');
export const podDisruptionBudgetsV1beta1 = as(podDisruptionBudgets, 'v1beta1');
export const horizontalPodAutoscalersV2beta2 = as(horizontalPodAutoscalers, 'v2beta2');
