// Leads the Services' traffic on this node to their endpoints. What changed in the API becomes rules, purely; all that has changed
// when the last application is done goes into the next, in one transaction.
//
//             a Service, a slice or our own node changed
//   waiting ─────────────────────────────────────────────▶ applying ──▶ waiting     (changed meanwhile: applying again)
//      ▲                                                       │
//      └───────────── after a while: the whole table ◀── failed, or the table was deleted by someone
import { endpointSlices } from '../../api/kinds/endpoint-slice.ts';
import { nodes } from '../../api/kinds/node.ts';
import { services } from '../../api/kinds/service.ts';
import type { ObjectKey } from '../../api/request.ts';
import type { EndpointSlice, Service } from '../../api/types.ts';
import { backoffMs } from '../../base/backoff.ts';
import type { Clock } from '../../base/clock.ts';
import type { IpFamily } from '../../base/ip.ts';
import type { Log } from '../../base/log.ts';
import type { Random } from '../../base/random.ts';
import type { Runnable } from '../../base/runnable.ts';
import { keyText, type Client } from '../../client/client.ts';
import { createInformer } from '../../client/create-informer.ts';
import type { NodePlace } from './choose-endpoints.ts';
import { createHealthChecks } from './health-checks.ts';
import type { PacketRules } from './packet-rules.ts';
import { servicePorts, type ServicePort } from './service-ports.ts';
import { staleFlows, type StaleFlows } from './stale-flows.ts';

export interface ServiceProxyOptions {
  readonly client: Client;
  readonly nodeName: string;
  /** Those that the cluster has. */
  readonly families: readonly IpFamily[];
  readonly rules: PacketRules;
  /** Ends flows of the kernel's connection tracking; what fails is only told. */
  readonly endFlows: (flows: readonly StaleFlows[], signal: AbortSignal) => Promise<void>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface ServiceProxy extends Runnable {
  /** Resolves when the rules of all Services that were there at the start are in force. */
  readonly ready: Promise<void>;
}

const serviceNameLabel = 'kubernetes.io/service-name';
const retry = { initialMs: 200, longestMs: 10_000 };

export function createServiceProxy(options: ServiceProxyOptions): ServiceProxy {
  const { client, nodeName, rules, families, clock, random } = options;
  const log = options.log.named('service-proxy');
  const deps = { clock, random, log };
  const serviceSource = createInformer(client, services, {}, deps);
  const sliceSource = createInformer<EndpointSlice>(client, endpointSlices, { indexes: { service: (slice) => serviceKeysOf(slice).map(keyText) } }, deps);
  const nodeSource = createInformer(client, nodes, { fieldSelector: `metadata.name=${nodeName}` }, deps);
  /** What of each Service is in the rules, by family. */
  const knownOf = new Map(families.map((family) => [family, new Map<string, readonly ServicePort[]>()]));
  const dirty = new Map<string, ObjectKey>();
  const health = createHealthChecks(log);
  const ready = Promise.withResolvers<void>();
  let place: NodePlace = { nodeName, zone: undefined };
  let mustMakeWhole = true;
  let wake = () => {};

  return {
    name: 'service-proxy',
    ready: ready.promise,
    async run(signal) {
      const sources = [serviceSource, sliceSource, nodeSource];
      const running = sources.map((source) => source.run(signal));
      const aborted = new Promise<void>((resolve) => (signal.aborted ? resolve() : signal.addEventListener('abort', () => resolve(), { once: true })));
      await Promise.race([Promise.all(sources.map(({ synced }) => synced)), aborted]);
      if (!signal.aborted) {
        place = placeOf();
        using _services = serviceSource.onChange((before, after) => mark(keyOfMeta((after ?? before)!)));
        using _slices = sliceSource.onChange((before, after) => [before, after].forEach((slice) => slice && serviceKeysOf(slice).forEach(mark)));
        using _node = nodeSource.onChange(() => {
          const now = placeOf();
          if (now.zone === place.zone) return;
          place = now;
          for (const service of serviceSource.list()) mark(keyOfMeta(service));
        });
        await Promise.all([applyChanges(signal), rules.watchDeletions(() => void repair(signal), signal)]);
      }
      await health.close();
      await Promise.all(running);
    },
  };

  function placeOf(): NodePlace {
    return { nodeName, zone: nodeSource.get({ namespace: '', name: nodeName })?.metadata.labels?.['topology.kubernetes.io/zone'] };
  }

  function mark(key: ObjectKey): void {
    dirty.set(keyText(key), key);
    wake();
  }

  /** Our own table is deleted with each whole script, too, and is there again when it is told. */
  async function repair(signal: AbortSignal): Promise<void> {
    if (mustMakeWhole || (await rules.isThere(signal))) return;
    if (signal.aborted) return;
    log.warn('the Services\' rules were deleted by someone else; they are made anew');
    mustMakeWhole = true;
    wake();
  }

  async function applyChanges(signal: AbortSignal): Promise<void> {
    for (let failures = 0; !signal.aborted; ) {
      if (dirty.size === 0 && !mustMakeWhole) await somethingToDo(signal);
      if (signal.aborted) return;
      const flows = takeChanges();
      const whole = mustMakeWhole;
      mustMakeWhole = false;
      try {
        await rules.apply(whole, signal);
        failures = 0;
        ready.resolve();
        if (flows.length > 0 && !whole) await options.endFlows(flows, signal);
      } catch (error) {
        if (signal.aborted) return;
        mustMakeWhole = true;
        log.error('the Services\' rules could not be applied', { error, whole });
        await clock.sleep(backoffMs(++failures, retry), signal).catch(() => {});
      }
    }
  }

  function somethingToDo(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        wake = () => {};
        signal.removeEventListener('abort', done);
        resolve();
      };
      wake = done;
      signal.addEventListener('abort', done, { once: true });
    });
  }

  /** Brings the table up to date with the API; gives the flows that lead nowhere from now on. */
  function takeChanges(): StaleFlows[] {
    const stale: StaleFlows[] = [];
    for (const [text, key] of dirty) {
      const service = serviceSource.get(key);
      const slices = sliceSource.by('service', text);
      for (const [family, known] of knownOf) {
        const before = known.get(text) ?? [];
        const after = service ? servicePorts(service, slices, place, family) : [];
        for (const port of before) if (!after.some((other) => ownerOf(other) === ownerOf(port))) rules.put(family, ownerOf(port), undefined);
        for (const port of after) rules.put(family, ownerOf(port), port);
        if (after.length > 0) known.set(text, after);
        else known.delete(text);
        stale.push(...staleFlows(before, after, family));
      }
      health.put(text, healthOf(service, key));
    }
    dirty.clear();
    return stale;
  }

  function healthOf(service: Service | undefined, key: ObjectKey) {
    const port = service?.spec.healthCheckNodePort;
    if (!port) return undefined;
    // A Pod of both families is one endpoint.
    const ofFirst = sliceSource.by('service', keyText(key)).filter(({ addressType }) => addressType === (service!.spec.ipFamilies?.[0] ?? 'IPv4'));
    const local = ofFirst.flatMap(({ endpoints }) => endpoints ?? []).filter((one) => one.nodeName === nodeName && (one.conditions?.ready ?? true));
    return { ...key, port, localEndpoints: new Set(local.map(({ addresses }) => addresses[0])).size };
  }
}

function ownerOf({ id, protocol }: ServicePort): string {
  return `${id}/${protocol}`;
}

function keyOfMeta({ metadata }: { metadata: { namespace?: string; name: string } }): ObjectKey {
  return { namespace: metadata.namespace ?? '', name: metadata.name };
}

function serviceKeysOf({ metadata }: EndpointSlice): ObjectKey[] {
  const name = metadata.labels?.[serviceNameLabel];
  return name ? [{ namespace: metadata.namespace ?? '', name }] : [];
}
