// Ends flows in the kernel's connection tracking, by the program `conntrack`.
import { describe, type Log } from '../../base/log.ts';
import { run } from '../pod-network/commands.ts';
import { deleteArguments, type StaleFlows } from './stale-flows.ts';

/** Not at all where the program is missing: then a UDP client that goes on sending keeps its dead endpoint until its flow expires. */
export function createFlowEnder(log: Log): (flows: readonly StaleFlows[], signal: AbortSignal) => Promise<void> {
  return async (flows, signal) => {
    for (const flow of flows) {
      try {
        await run('conntrack', deleteArguments(flow), signal);
      } catch (error) {
        if (signal.aborted) return;
        // It fails when there was no such flow.
        if (!/0 flow entries have been deleted/.test(String(error))) return log.warn('dead UDP flows stay', { flow, error: describe(error) });
      }
    }
  };
}
