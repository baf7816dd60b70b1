// What serves while there is an Ingress of ours: the Services and endpoints that are followed, and the two ports.
import { endpointSlices } from '../../api/kinds/endpoint-slice.ts';
import { services as serviceResource } from '../../api/kinds/service.ts';
import type { EndpointSlice, Ingress } from '../../api/types.ts';
import type { Client } from '../../client/client.ts';
import { createInformer, type InformerDeps } from '../../client/create-informer.ts';
import { backendFor, type Backend } from './backends.ts';
import { createCertificates } from './certificates.ts';
import { createListener, type Listener } from './listener.ts';
import { backendsOf, buildRoutes, type BackendRef, type Routes } from './routes.ts';
import { createServing } from './serve.ts';

export interface TrafficOptions {
  readonly client: Client;
  readonly httpPort: number;
  readonly httpsPort: number;
  readonly deps: InformerDeps;
  /** Something that an Ingress' status or Events tell of has changed. */
  readonly changed: () => void;
}

export interface Problem {
  readonly reason: string;
  readonly message: string;
}

export interface Traffic {
  /** The Ingresses that are served from now on. */
  serve(ingresses: readonly Ingress[]): void;
  /** Where it listens now. */
  ports(): { readonly http: number | undefined; readonly https: number | undefined };
  problemsOf(ingress: Ingress): Problem[];
  close(): Promise<void>;
}

const serviceNameLabel = 'kubernetes.io/service-name';

export function startTraffic({ client, httpPort, httpsPort, deps, changed }: TrafficOptions): Traffic {
  const { clock, log } = deps;
  const stop = new AbortController();
  const services = createInformer(client, serviceResource, {}, deps);
  const slices = createInformer<EndpointSlice>(client, endpointSlices, { indexes: { service: (slice) => (serviceOf(slice) === undefined ? [] : [serviceOf(slice)!]) } }, deps);
  const running = [services.run(stop.signal), slices.run(stop.signal)];
  const known = new Map<string, Map<string | number, Backend>>();
  const failures = new Map<'http' | 'https', string>();
  let routes: Routes = buildRoutes([]);
  let wantsTls = false;

  services.onChange((before, after) => {
    const { namespace, name } = (after ?? before)!.metadata;
    known.delete(`${namespace}/${name}`);
    changed();
  });
  slices.onChange((before, after) => {
    for (const slice of [before, after]) if (slice) known.delete(serviceOf(slice) ?? '');
  });

  const serving = createServing({ backendOf: (host, path) => backendOf(routes.match(host, path)), clock });
  const certificates = createCertificates(client, deps, () => {
    https.useWithoutName(certificates.fallback);
    changed();
  });
  const failed = (error: unknown) => log.warn('a request of an Ingress failed', { error });
  const listener = (name: 'http' | 'https', port: number): Listener =>
    createListener({
      port, serving, failed, clock,
      ...(name === 'https' ? { contextFor: (serverName: string | undefined) => certificates.contextFor(serverName) } : {}),
      changed(failure) {
        if (failure) failures.set(name, `port ${port} cannot be listened on (${(failure as NodeJS.ErrnoException).code ?? failure.message}); it is tried again`);
        else failures.delete(name);
        changed();
      },
    });
  const [http, https] = [listener('http', httpPort), listener('https', httpsPort)];

  function backendOf(ref: BackendRef | undefined): Backend | undefined {
    if (!ref) return undefined;
    const key = `${ref.namespace}/${ref.service}`;
    let ports = known.get(key);
    if (!ports) known.set(key, (ports = new Map()));
    let backend = ports.get(ref.port);
    if (!backend) ports.set(ref.port, (backend = backendFor(ref.service, ref.port, services.get({ namespace: ref.namespace, name: ref.service }), slices.by('service', key))));
    return backend;
  }

  async function open(): Promise<void> {
    await Promise.all([services.synced, slices.synced]);
    if (stop.signal.aborted) return;
    http.open();
    if (wantsTls) https.open();
    else await https.close();
    changed();
  }

  return {
    serve(ingresses) {
      routes = buildRoutes(ingresses);
      wantsTls = ingresses.some(({ spec }) => spec.tls?.length);
      certificates.want(ingresses);
      void open().catch(failed);
    },
    ports: () => ({ http: http.port, https: https.port }),
    problemsOf(ingress) {
      const { namespace = '' } = ingress.metadata;
      const problems: Problem[] = [];
      if (services.hasSynced && slices.hasSynced) {
        for (const ref of backendsOf(ingress)) {
          const backend = backendOf(ref)!;
          if (backend.type === 'missing') problems.push({ reason: 'MissingBackend', message: backend.why });
        }
      }
      for (const { secretName } of ingress.spec.tls ?? []) {
        const problem = secretName ? certificates.problem(namespace, secretName) : undefined;
        if (problem) problems.push(problem);
      }
      for (const [name, message] of failures) if (name === 'http' || ingress.spec.tls?.length) problems.push({ reason: 'ListenFailed', message });
      return problems;
    },
    async close() {
      stop.abort();
      await Promise.all([http.close(), https.close()]);
      serving[Symbol.dispose]();
      await certificates.close();
      await Promise.all(running);
    },
  };
}

function serviceOf({ metadata }: EndpointSlice): string | undefined {
  const name = metadata.labels?.[serviceNameLabel];
  return name ? `${metadata.namespace}/${name}` : undefined;
}
