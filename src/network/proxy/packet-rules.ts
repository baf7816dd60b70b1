// What the Service proxy asks of a packet filter, whichever it is.
import type { IpFamily } from '../../base/ip.ts';
import type { ServicePort } from './service-ports.ts';

export interface PacketRules {
  /** Notes what a port of a Service is to be; undefined: gone. `owner` is its name, and tells who has an address that two ask for. */
  put(family: IpFamily, owner: string, port: ServicePort | undefined): void;
  /** Brings what is noted into force: all of it anew, or what has changed. It may throw, and then must be done whole. */
  apply(whole: boolean, signal: AbortSignal): Promise<void>;
  /** False: somebody else has thrown it away. */
  isThere(signal: AbortSignal): Promise<boolean>;
  /** Calls back when it may have been thrown away; ends with the signal. */
  watchDeletions(onDeleted: () => void, signal: AbortSignal): Promise<void>;
}

/** Where the machine has no packet filter that we know: Services have addresses, and nothing leads there. */
export function createNoRules(): PacketRules {
  return {
    put() {},
    async apply() {},
    isThere: async () => true,
    watchDeletions: (_onDeleted, signal) => new Promise((resolve) => (signal.aborted ? resolve() : signal.addEventListener('abort', () => resolve(), { once: true }))),
  };
}
