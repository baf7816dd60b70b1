// metrics.k8s.io: what nodes and Pods use, asked of the nodes when someone asks. What metrics-server does elsewhere.
import { ApiError } from '../api/error.ts';
import { nodes as nodeKind, pods as podKind } from '../api/kinds/index.ts';
import { nodeMetrics, podMetrics, type NodeMetrics, type PodMetrics, type ResourceUsage } from '../api/kinds/metrics.ts';
import type { Kind, Resource } from '../api/kind.ts';
import { formatQuantity } from '../api/quantity.ts';
import type { NodeServices, NodeUsage, Usage } from '../api/node-service.ts';
import type { ApiRequest } from '../api/request.ts';
import type { KubeObject, Pod } from '../api/types.ts';
import { formatTime } from '../base/clock.ts';
import type { Answer, Registry } from './registry/registry.ts';
import type { UnstoredKinds } from './unstored.ts';
import { Encoding } from './watch/item.ts';
import { selectionOf } from './watch/selection.ts';

/** How long a node may take to tell; one that does not is left out. */
const patienceMs = 10_000;

export function usageMetrics(nodes: NodeServices): UnstoredKinds {
  async function ask(registry: Registry, names: Iterable<string>): Promise<ReadonlyMap<string, NodeUsage>> {
    const giveUp = new AbortController();
    using _timer = registry.clock.schedule(patienceMs, () => giveUp.abort(new Error('the node did not answer in time')));
    const asked = [...new Set(names)].map(async (name) => [name, await nodes(name)?.usage(giveUp.signal).catch(() => undefined)] as const);
    return new Map((await Promise.all(asked)).filter((pair): pair is [string, NodeUsage] => pair[1] !== undefined));
  }

  return {
    'metrics.k8s.io/nodes': {
      async read(registry, request) {
        const chosen = select(registry, nodeKind, request);
        const usage = await ask(registry, chosen.map(({ metadata }) => metadata.name));
        const found = chosen.flatMap((node) => {
          const used = usage.get(node.metadata.name)?.node;
          return used ? [metricsOf<NodeMetrics>(registry, node, used, { usage: amounts(used) })] : [];
        });
        return answer(registry, nodeMetrics as unknown as Kind, request, found);
      },
    },
    'metrics.k8s.io/pods': {
      async read(registry, request) {
        const chosen = select<Pod>(registry, podKind, request);
        const usage = await ask(registry, chosen.flatMap(({ spec }) => (spec.nodeName ? [spec.nodeName] : [])));
        const byUid = new Map([...usage.values()].flatMap(({ pods }) => pods.map(({ pod, containers }) => [pod.uid, containers])));
        const found = chosen.flatMap((pod) => {
          const containers = byUid.get(pod.metadata.uid);
          const [first] = containers ?? [];
          if (!containers || !first) return [];
          const rest = { containers: containers.map((used) => ({ name: used.name, usage: amounts(used) })) };
          return [metricsOf<PodMetrics>(registry, pod, containers.reduce((a, b) => (b.endMs < a.endMs ? b : a)), rest)];
        });
        return answer(registry, podMetrics as unknown as Kind, request, found);
      },
    },
  };
}

/** The objects whose use is asked for. Throws ApiError for a bad selector, and NotFound for a name that is not there. */
function select<T extends KubeObject>(registry: Registry, kind: Resource<T>, { namespace, name, options }: ApiRequest): readonly T[] {
  const cache = registry.cache.of(kind);
  const found = cache.list(selectionOf(cache.kind, namespace || undefined, name, options)).map((item) => item.object as T);
  if (name !== undefined && found.length === 0) throw ApiError.notFound(kind, name);
  return found;
}

function metricsOf<M extends NodeMetrics | PodMetrics>(registry: Registry, { metadata }: KubeObject, used: Usage, rest: object): M {
  const { name, namespace, labels } = metadata;
  const own = { name, ...(namespace ? { namespace } : {}), creationTimestamp: formatTime(registry.clock.wallMs()), ...(labels ? { labels } : {}) };
  return { metadata: own, timestamp: formatTime(used.endMs), window: `${Math.round(used.windowMs) / 1000}s`, ...rest } as unknown as M;
}

function answer(registry: Registry, kind: Kind, { verb, namespace, name = '' }: ApiRequest, found: readonly KubeObject[]): Answer {
  const encoding = new Encoding(kind, registry.freeze);
  const items = found.map((object) => encoding.item(object.metadata.namespace ?? '', object.metadata.name, encoding.value(object), 0, object));
  if (verb === 'list') return { type: 'list', kind, list: { items, revision: registry.cache.revision } };
  const [item] = items;
  // As metrics-server names what has not been measured (yet).
  if (!item) throw ApiError.notFound({ group: kind.group, plural: kind.kind.toLowerCase() }, kind.namespaced ? `${namespace}/${name}` : name);
  return { type: 'item', code: 200, kind, item, warnings: [] };
}

function amounts({ cpuNanoCores, memoryBytes }: Usage): ResourceUsage {
  const units = (count: number, one: bigint) => BigInt(Math.round(count)) * one;
  return {
    cpu: formatQuantity({ nano: units(cpuNanoCores, 1n), format: 'DecimalSI' }),
    memory: formatQuantity({ nano: units(memoryBytes, 1_000_000_000n), format: 'BinarySI' }),
  };
}
