// Which backend a request is for: pure. The host that is named whole comes before one with `*`, that before none; of paths the
// longest, and of two the exact one; of two Ingresses that say the same the older one.
import type { Ingress } from '../../api/types.ts';

export interface BackendRef {
  readonly namespace: string;
  /** '' where the backend is something else than a Service. */
  readonly service: string;
  /** By name or number. */
  readonly port: string | number;
}

export interface Routes {
  /** `host` in lower case and without a port; `path` as it came, without the query. */
  match(host: string, path: string): BackendRef | undefined;
}

interface PathRoute {
  /** Without the slash at its end. */
  readonly path: string;
  readonly backend: BackendRef;
}

class HostRoutes {
  readonly exact = new Map<string, BackendRef>();
  /** The longest first. */
  readonly prefixes: PathRoute[] = [];
  fallback: BackendRef | undefined;

  match(path: string): BackendRef | undefined {
    const exact = this.exact.get(path);
    if (exact) return exact;
    const found = this.prefixes.find((route) => path === route.path || (path.startsWith(route.path) && path[route.path.length] === '/'));
    return found?.backend;
  }
}

export function buildRoutes(ingresses: readonly Ingress[]): Routes {
  const [exact, wildcard] = [new Map<string, HostRoutes>(), new Map<string, HostRoutes>()];
  const any = new HostRoutes();
  const place = (host: string) => {
    if (host === '') return any;
    const [map, key] = host.startsWith('*.') ? [wildcard, host.slice(1)] : [exact, host];
    const present = map.get(key);
    if (present) return present;
    const made = new HostRoutes();
    map.set(key, made);
    return made;
  };
  for (const ingress of ingresses.toSorted(byAge)) {
    const { namespace = '' } = ingress.metadata;
    const { rules = [], defaultBackend } = ingress.spec;
    const fallback = defaultBackend && backendRef(namespace, defaultBackend);
    for (const { host = '', http } of rules) {
      const routes = place(host.toLowerCase());
      if (host) routes.fallback ??= fallback;
      for (const { path = '/', pathType, backend } of http?.paths ?? []) {
        const ref = backendRef(namespace, backend);
        if (pathType === 'Exact') {
          if (!routes.exact.has(path)) routes.exact.set(path, ref);
        } else {
          const prefix = path.replace(/\/$/, '');
          if (!routes.prefixes.some((one) => one.path === prefix)) routes.prefixes.push({ path: prefix, backend: ref });
        }
      }
      // A rule without paths is for its host as a whole.
      if (!http && fallback && !routes.prefixes.some(({ path }) => path === '')) routes.prefixes.push({ path: '', backend: fallback });
    }
    if (fallback) any.fallback ??= fallback;
  }
  for (const routes of [any, ...exact.values(), ...wildcard.values()]) routes.prefixes.sort((a, b) => b.path.length - a.path.length);

  return {
    match(host, path) {
      const dot = host.indexOf('.');
      const levels = [exact.get(host), dot > 0 ? wildcard.get(host.slice(dot)) : undefined, any];
      for (const level of levels) {
        const found = level?.match(path);
        if (found) return found;
      }
      for (const level of levels) if (level?.fallback) return level.fallback;
      return undefined;
    },
  };
}

type AnyBackend = NonNullable<NonNullable<Ingress['spec']>['defaultBackend']>;

export function backendRef(namespace: string, { service }: AnyBackend): BackendRef {
  return { namespace, service: service?.name ?? '', port: service?.port?.name || service?.port?.number || '' };
}

/** All backends that an Ingress names. */
export function backendsOf({ metadata: { namespace = '' }, spec }: Ingress): BackendRef[] {
  const named = (spec.rules ?? []).flatMap(({ http }) => (http?.paths ?? []).map(({ backend }) => backend));
  return [...(spec.defaultBackend ? [spec.defaultBackend] : []), ...named].map((backend) => backendRef(namespace, backend));
}

function byAge(a: Ingress, b: Ingress): number {
  const [left, right] = [a, b].map(({ metadata }) => `${metadata.creationTimestamp} ${metadata.namespace}/${metadata.name}`);
  return left! < right! ? -1 : left === right ? 0 : 1;
}
