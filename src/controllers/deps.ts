// What every controller is given.
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { Client } from '../client/client.ts';
import type { QueueCounts } from '../control/controller.ts';
import type { AggregatedResources } from '../control/aggregated-resources.ts';
import type { CustomInformers } from '../control/custom-informers.ts';
import type { EventRecorder } from '../client/event-recorder.ts';
import type { SharedInformers } from '../client/shared-informers.ts';

export interface ControllerDeps {
  readonly client: Client;
  readonly informers: SharedInformers;
  readonly customInformers: CustomInformers;
  readonly aggregated: AggregatedResources;
  /** The recorder that speaks for a component: `replicaset-controller`. */
  readonly recorderFor: (component: string) => EventRecorder;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly queues?: QueueCounts;
}
