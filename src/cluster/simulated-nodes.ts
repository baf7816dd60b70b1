// Simulated nodes of a running cluster: simulated-0 and on, each with its own agent, in this process.
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { Client } from '../client/client.ts';
import { identities } from '../server/auth/authorize.ts';
import type { ControlPlane } from './control-plane.ts';
import type { Crew } from './crew.ts';
import { createSimulatedAgent, createSimulatedMachine } from './simulated-node.ts';

export interface SimulatedNodesDeps {
  readonly plane: Pick<ControlPlane, 'transport' | 'addNode'>;
  readonly crew: Crew;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** By which they are told from real ones, and chosen or avoided. */
export const simulatedLabel = 'simulated.peapod.dev/node';

/** Resolves once all are Ready. They are stopped with the crew, and what they ran is gone then. */
export async function startSimulatedNodes(count: number, { plane, crew, clock, random, log }: SimulatedNodesDeps): Promise<void> {
  if (count === 0) return;
  const agents = Array.from({ length: count }, (_, index) => {
    const spec = { name: `simulated-${index}`, labels: { [simulatedLabel]: 'true' } };
    const client = new Client(plane.transport(identities.node(spec.name)));
    const agent = createSimulatedAgent(spec, index, createSimulatedMachine(spec, index, clock), { client, clock, random, log: log.named(spec.name) });
    plane.addNode(spec.name, agent.service);
    return agent;
  });
  crew.run({ name: 'simulated nodes', run: async (signal) => void (await Promise.all(agents.map((agent) => agent.run(signal)))) });
  await Promise.all(agents.map(({ ready }) => ready));
}
