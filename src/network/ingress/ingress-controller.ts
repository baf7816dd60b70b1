// Which Ingresses are ours, and what their status and Events tell. Traffic there is while there is one of them.
//
//   none of ours ──one──▶ serving ──last one gone──▶ none of ours
import { ingressClasses, ownIngressController } from '../../api/kinds/ingress-class.ts';
import { ingresses as ingressResource } from '../../api/kinds/ingress.ts';
import { classAnnotation } from '../../api/kinds/ingress/validate.ts';
import { nodes as nodeResource } from '../../api/kinds/node.ts';
import { isBeingDeleted, sameJson } from '../../api/meta.ts';
import type { ObjectKey } from '../../api/request.ts';
import type { Ingress, Node } from '../../api/types.ts';
import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { Random } from '../../base/random.ts';
import type { Runnable } from '../../base/runnable.ts';
import { keyOf, keyText, type Client } from '../../client/client.ts';
import { createEventRecorder, aboutOf } from '../../client/event-recorder.ts';
import { createSharedInformers } from '../../client/shared-informers.ts';
import { createController, itself, trigger, type Next, type Trigger } from '../../control/controller.ts';
import type { Traffic } from './traffic.ts';

export interface IngressControllerOptions {
  readonly client: Client;
  readonly nodeName: string;
  /** 0: any that is free; the status says which. */
  readonly httpPort: number;
  readonly httpsPort: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

const lookAfterMs = 20;

export function createIngressController(options: IngressControllerOptions): Runnable {
  const { client, nodeName, clock, random } = options;
  const log = options.log.named('ingress');
  const deps = { clock, random, log };
  const informers = createSharedInformers({ client, ...deps });
  const classes = informers.of(ingressClasses);
  const ingresses = informers.of(ingressResource);
  const nodes = informers.of(nodeResource, { fieldSelector: `metadata.name=${nodeName}` });
  const recorder = createEventRecorder({ client, component: 'ingress-controller', ...deps });
  /** What each has been told; one that is over may be told again. */
  const told = new Map<string, Set<string>>();
  let traffic: Traffic | undefined;
  let served: readonly Ingress[] = [];
  const closing = new Set<Promise<void>>();
  let enqueue: (key: ObjectKey) => void = () => {};

  const isOurs = (ingress: Ingress): boolean => {
    const name = ingress.spec.ingressClassName ?? ingress.metadata.annotations?.[classAnnotation];
    return name !== undefined && name !== null && classes.get({ namespace: '', name })?.spec?.controller === ownIngressController;
  };
  const everyOne = () => ingresses.list().map(keyOf);
  let isToLook = false;
  /** Once for all that changes in the same moment: many Services may concern many Ingresses. */
  const lookAgain = () => {
    if (isToLook) return;
    isToLook = true;
    clock.schedule(lookAfterMs, () => {
      isToLook = false;
      for (const key of everyOne()) enqueue(key);
    });
  };

  async function serve(): Promise<void> {
    // What serves is loaded with the first Ingress.
    const { startTraffic } = traffic || !ingresses.list().some(isOurs) ? {} : await import('./traffic.ts');
    const ours = ingresses.list().filter(isOurs).toSorted((a, b) => (a.metadata.creationTimestamp < b.metadata.creationTimestamp ? -1 : 1));
    if (ours.length === served.length && ours.every((one, index) => one === served[index])) return;
    if (ours.length > 0 && !traffic && !startTraffic) return serve();
    served = ours;
    if (ours.length > 0) {
      traffic ??= startTraffic!({ client, httpPort: options.httpPort, httpsPort: options.httpsPort, deps, changed: lookAgain });
      traffic.serve(ours);
      return;
    }
    const over = traffic?.close();
    traffic = undefined;
    if (!over) return;
    const closed = over.finally(() => closing.delete(closed));
    closing.add(closed);
  }

  async function reconcile(key: ObjectKey, signal: AbortSignal): Promise<Next> {
    await serve();
    signal.throwIfAborted();
    const ingress = ingresses.get(key);
    if (!ingress || isBeingDeleted(ingress)) {
      told.delete(keyText(key));
      return 'await-change';
    }
    const ours = isOurs(ingress);
    // What another controller says of an Ingress that was never ours stays.
    if (!ours && !told.has(keyText(key))) return 'await-change';
    if (ours) tell(ingress, keyText(key));
    else told.delete(keyText(key));
    const wanted = ours && traffic ? addressesOf(nodes.get({ namespace: '', name: nodeName }), traffic.ports()) : [];
    if (sameJson(ingress.status?.loadBalancer?.ingress ?? [], wanted)) return 'await-change';
    await client.patch(ingressResource, key, { type: 'merge', body: { status: { loadBalancer: { ingress: wanted.length > 0 ? wanted : null } } }, subresource: 'status' }, signal);
    return 'await-change';
  }

  function tell(ingress: Ingress, key: string): void {
    const before = told.get(key) ?? new Set();
    const now = new Set<string>();
    for (const { reason, message } of traffic?.problemsOf(ingress) ?? []) {
      if (now.has(message)) continue;
      now.add(message);
      if (!before.has(message)) recorder.event(aboutOf(ingressResource, ingress), 'Warning', reason, message);
    }
    told.set(key, now);
  }

  const byTraffic: Trigger = {
    synced: Promise.resolve(),
    start(started) {
      enqueue = started;
      return { [Symbol.dispose]: () => void (enqueue = () => {}) };
    },
  };
  const controller = createController(
    {
      name: 'ingress-controller',
      triggers: [trigger(ingresses, itself), trigger(classes, everyOne), trigger(nodes, everyOne), byTraffic],
      reconcile,
    },
    { clock, log },
  );

  return {
    name: 'ingress',
    async run(signal) {
      const running = informers.run(signal);
      await controller.run(signal);
      await traffic?.close();
      await Promise.all([...closing, running]);
      await recorder.flush(AbortSignal.abort());
    },
  };
}

/** Where clients find it: this node's addresses, with the ports that are listened on. */
function addressesOf(node: Node | undefined, { http, https }: { readonly http: number | undefined; readonly https: number | undefined }) {
  const ports = [http, https].filter((port) => port !== undefined).map((port) => ({ port, protocol: 'TCP' }));
  if (ports.length === 0) return [];
  const of = (type: string) => (node?.status?.addresses ?? []).filter((one) => one.type === type).map(({ address }) => address);
  const outer = of('ExternalIP');
  return (outer.length > 0 ? outer : of('InternalIP')).map((ip) => ({ ip, ports }));
}
