// The controllers' queues as client-go's workqueues show themselves.
import type { MetricsText } from '../base/metrics-text.ts';
import type { QueueCounts } from './controller.ts';

export function writeQueueMetrics(queues: QueueCounts, text: MetricsText): void {
  const adds = text.family('workqueue_adds_total', 'counter', '[ALPHA] Total number of adds handled by workqueue');
  for (const [name, count] of queues) adds({ name }, count.adds);
  const depth = text.family('workqueue_depth', 'gauge', '[ALPHA] Current depth of workqueue');
  for (const [name, count] of queues) depth({ name }, count.depth());
  const retries = text.family('workqueue_retries_total', 'counter', '[ALPHA] Total number of retries handled by workqueue');
  for (const [name, count] of queues) retries({ name }, count.retries);
  const working = text.family('workqueue_unfinished_work', 'gauge', 'Keys that are being worked on.');
  for (const [name, count] of queues) working({ name }, count.working());
}
