// The routes of this node to the Pods of others.
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { Client } from '../client/client.ts';
import { createNodeRoutes } from '../network/pod-network/node-routes.ts';
import type { Crew } from './crew.ts';
import type { Machine } from './machine.ts';
import type { Settings } from './settings.ts';

export interface NodeRoutesDeps {
  readonly settings: Settings;
  readonly nodeAddress: string;
  readonly client: Client;
  readonly machine: Machine;
  readonly crew: Crew;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export function startNodeRoutes({ settings, nodeAddress, client, machine, crew, clock, random, log }: NodeRoutesDeps): void {
  crew.run(createNodeRoutes({ client, nodeName: settings.nodeName, nodeAddress, plan: machine.network.plan, filter: machine.filter, clock, random, log }));
}
