// The controllers' queues as client-go's workqueues show themselves.
import type { MetricsText } from '../base/metrics-text.ts';
import type { QueueCount, QueueCounts } from './controller.ts';

export function writeQueueMetrics(queues: QueueCounts, text: MetricsText): void {
  const each = (name: string, type: 'counter' | 'gauge', help: string, of: (count: QueueCount) => number) => {
    const write = text.family(name, type, help);
    for (const [queue, count] of queues) write({ name: queue }, of(count));
  };
  each('workqueue_adds_total', 'counter', '[ALPHA] Total number of adds handled by workqueue', ({ adds }) => adds());
  each('workqueue_depth', 'gauge', '[ALPHA] Current depth of workqueue', ({ depth }) => depth());
  each('workqueue_retries_total', 'counter', '[ALPHA] Total number of retries handled by workqueue', ({ retries }) => retries);
  each('workqueue_longest_running_processor_seconds', 'gauge', '[ALPHA] How many seconds has the longest running processor for workqueue been running.', ({ unfinished }) => Math.max(0, ...unfinished()));
  each(
    'workqueue_unfinished_work_seconds', 'gauge',
    "[ALPHA] How many seconds of work has done that is in progress and hasn't been observed by work_duration. Large values indicate stuck threads. One can deduce the number of stuck threads by observing the rate at which this increases.",
    ({ unfinished }) => unfinished().reduce((sum, seconds) => sum + seconds, 0),
  );
  text.family('workqueue_queue_duration_seconds', 'histogram', '[ALPHA] How long in seconds an item stays in workqueue before being requested.');
  for (const [name, { waits }] of queues) text.observed('workqueue_queue_duration_seconds', { name }, waits);
  text.family('workqueue_work_duration_seconds', 'histogram', '[ALPHA] How long in seconds processing an item from workqueue takes.');
  for (const [name, { work }] of queues) text.observed('workqueue_work_duration_seconds', { name }, work);
}
