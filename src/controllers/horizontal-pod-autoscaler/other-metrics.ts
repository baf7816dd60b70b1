// The metrics that other servers serve (custom.metrics.k8s.io, external.metrics.k8s.io), as adapters of Prometheus, KEDA and the like
// do. Values are in thousandths, as upstream reckons them. Errors are in its words.
import type { Resource } from '../../api/kind.ts';
import { milliOf } from '../../api/quantity.ts';
import type { ApiRequest } from '../../api/request.ts';
import type { APIService } from '../../api/types.ts';
import type { Client } from '../../client/client.ts';

const customGroup = 'custom.metrics.k8s.io';
const externalGroup = 'external.metrics.k8s.io';
/** Those that are understood. They differ in how they name the metric, which was asked for. */
const customVersions: readonly string[] = ['v1beta2', 'v1beta1'];

interface Values {
  readonly items?: readonly { readonly describedObject?: { readonly name?: string }; readonly value: string }[];
}

export interface ObjectReference {
  readonly kind: string;
  readonly name: string;
  readonly apiVersion?: string;
}

export class OtherMetrics {
  readonly #client: Client;
  readonly #apiServices: () => readonly APIService[];
  readonly #kindNamed: (group: string, kind: string) => Resource | undefined;

  constructor(client: Client, apiServices: () => readonly APIService[], kindNamed: (group: string, kind: string) => Resource | undefined) {
    this.#client = client;
    this.#apiServices = apiServices;
    this.#kindNamed = kindNamed;
  }

  /** By the names of Pods. */
  async ofPods(namespace: string, labelSelector: string, metric: string, metricSelector: string, signal: AbortSignal): Promise<ReadonlyMap<string, number>> {
    const { items = [] } = await this.#custom({ namespace, plural: 'pods', name: '*', subresource: metric }, { labelSelector, ...selecting(metricSelector) }, signal);
    if (items.length === 0) throw new Error('no metrics returned from custom metrics API');
    return new Map(items.map(({ describedObject, value }) => [describedObject?.name ?? '', milliOf(value)]));
  }

  async ofObject(namespace: string, { kind, name, apiVersion = '' }: ObjectReference, metric: string, metricSelector: string, signal: AbortSignal): Promise<number> {
    const group = apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';
    const { items = [] } = await this.#custom(this.#placeOf(namespace, group, kind, name, metric), selecting(metricSelector), signal);
    if (items.length !== 1) throw new Error(`unable to fetch metrics from custom metrics API: the custom metrics API server returned ${items.length} results when we asked for exactly one`);
    return milliOf(items[0]!.value);
  }

  /** The sum of all that match. */
  async external(namespace: string, metric: string, labelSelector: string, signal: AbortSignal): Promise<number> {
    const { items = [] } = await this.#call({ group: externalGroup, version: 'v1beta1', plural: metric }, { verb: 'list', namespace, options: { labelSelector } }, 'external', signal);
    if (items.length === 0) throw new Error('no metrics returned from external metrics API');
    return items.reduce((sum, { value }) => sum + milliOf(value), 0);
  }

  #placeOf(namespace: string, group: string, kind: string, name: string, metric: string): Place {
    if (kind === 'Namespace' && group === '') return { namespace, plural: 'metrics', name: metric };
    const known = this.#kindNamed(group, kind);
    if (!known) throw new Error(`unable to fetch metrics from custom metrics API: unable to map kind ${group === '' ? kind : `${kind}.${group}`} to resource: no matches for kind ${JSON.stringify(kind)} in group ${JSON.stringify(group)}`);
    return { ...(known.namespaced ? { namespace } : {}), plural: group === '' ? known.plural : `${known.plural}.${group}`, name, subresource: metric };
  }

  #custom({ plural, ...place }: Place, options: ApiRequest['options'], signal: AbortSignal): Promise<Values> {
    const served = this.#apiServices().filter(({ spec }) => spec.group === customGroup && customVersions.includes(spec.version ?? ''));
    const [first] = served.toSorted((a, b) => b.spec.versionPriority - a.spec.versionPriority || (a.spec.version! < b.spec.version! ? 1 : -1));
    if (!first) throw new Error(`unable to fetch metrics from custom metrics API: no custom metrics API (${customGroup}) registered`);
    return this.#call({ group: customGroup, version: first.spec.version!, plural }, { verb: 'get', ...place, options }, 'custom', signal);
  }

  async #call(resource: ApiRequest['resource'], request: Omit<ApiRequest, 'resource'>, what: 'custom' | 'external', signal: AbortSignal): Promise<Values> {
    try {
      return await this.#client.transport.call<Values>({ ...request, resource }, signal);
    } catch (error) {
      if (signal.aborted) throw error;
      const { message } = error as Error;
      // What has no words of its own is told with what was asked for, as client-go does.
      const asked = /^the server (could not find|is currently unable)/.test(message) ? ` (get ${resource.plural}.${resource.group})` : '';
      throw new Error(`unable to fetch metrics from ${what} metrics API: ${message}${asked}`, { cause: error });
    }
  }
}

type Place = { readonly plural: string } & Pick<ApiRequest, 'namespace' | 'name' | 'subresource'>;

const selecting = (metricSelector: string): ApiRequest['options'] => (metricSelector === '' ? {} : { query: { metricLabelSelector: [metricSelector] } });
