// Servers of other APIs behind this one: which versions of which groups are theirs, as the APIServices say, where they are, and
// what they last said that they serve. While there are none, all that a request pays for this is a look at an empty map.
import { Agent } from 'node:https';
import { conditionOf, sameJson } from '../../api/meta.ts';
import { services } from '../../api/kinds/service.ts';
import type { RemoteResource, RemoteVersion } from '../../api/discovery/remote.ts';
import type { ResourceName } from '../../api/request.ts';
import type { APIService } from '../../api/types.ts';
import type { Clock } from '../../base/clock.ts';
import type { HttpCalls } from '../../base/http-calls.ts';
import type { Random } from '../../base/random.ts';
import type { Upstream, UpstreamTls } from '../../base/reverse-proxy/forward.ts';
import type { AdmissionWorld } from '../admission/admission.ts';
import type { KeyedCertificate } from '../auth/certificates.ts';
import type { Route } from '../http/route.ts';
import { serviceEndpoint } from '../service-endpoint.ts';
import { ask, type Asked } from './ask.ts';

export interface AggregationDeps {
  readonly world: AdmissionWorld;
  readonly clock: Clock;
  readonly random: Random;
  /** By which servers know that it is this one that tells them who asks; absent: they must believe it. */
  readonly frontProxy?: Promise<KeyedCertificate>;
  /** Told of each request. */
  readonly calls?: HttpCalls;
}

/** One version of a group that another server serves. */
export interface Remote {
  readonly name: string;
  readonly group: string;
  readonly version: string;
  readonly apiService: APIService;
  /** As its condition says: else it is not asked. */
  readonly isAvailable: boolean;
}

interface Told {
  readonly resources: readonly RemoteResource[];
  /** Of its OpenAPI v3 document; undefined: it has none. */
  readonly openApiHash: string | undefined;
  readonly isFresh: boolean;
}

/** As kube-aggregator asks: with all rights, and not for long. */
const aggregator = { username: 'system:kube-aggregator', groups: ['system:masters'] } as const;
const checkMs = 5_000;

export class Aggregation {
  readonly #deps: AggregationDeps;
  readonly #agent = new Agent({ keepAlive: true, maxFreeSockets: 10 });
  readonly #listeners: (() => void)[] = [];
  /** By `group/version`. */
  #remotes: ReadonlyMap<string, Remote> = new Map();
  readonly #told = new Map<string, Told>();

  constructor(deps: AggregationDeps) {
    this.#deps = deps;
  }

  /** The APIServices as they are now. */
  set(all: readonly APIService[]): void {
    const remotes = all.filter(({ spec }) => spec.service && spec.group).map((apiService): Remote => {
      const { group = '', version = '' } = apiService.spec;
      return { name: apiService.metadata.name, group, version, apiService, isAvailable: conditionOf(apiService.status?.conditions, 'Available')?.status === 'True' };
    });
    const before = this.#remotes;
    this.#remotes = new Map(remotes.map((remote) => [`${remote.group}/${remote.version}`, remote]));
    for (const key of this.#told.keys()) if (!this.#remotes.has(key)) this.#told.delete(key);
    const isSame = before.size === this.#remotes.size && [...this.#remotes].every(([key, { apiService, isAvailable }]) => before.get(key)?.isAvailable === isAvailable && sameJson(before.get(key)?.apiService.spec, apiService.spec));
    if (!isSame) this.#changed();
  }

  /** Told when what discovery says of them has changed. */
  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** Whose version it is; undefined: our own, or nobody's. */
  at({ group, version }: Pick<ResourceName, 'group' | 'version'>): Remote | undefined {
    return this.#remotes.size === 0 ? undefined : this.#remotes.get(`${group}/${version}`);
  }

  /** The same for a request's route: of paths, `/apis/GROUP/VERSION` is its server's. */
  of(route: Route): Remote | undefined {
    if (this.#remotes.size === 0) return undefined;
    if (route.type === 'resource') return this.at(route.request.resource);
    const [, root, group = '', version = '', ...rest] = route.path.split('/');
    return root === 'apis' && rest.join('') === '' ? this.at({ group, version }) : undefined;
  }

  get versions(): RemoteVersion[] {
    return [...this.#remotes].map(([key, { group, version, apiService: { spec } }]) => {
      const told = this.#told.get(key);
      return { group, version, priority: { group: spec.groupPriorityMinimum, version: spec.versionPriority }, resources: told?.resources ?? [], isFresh: told?.isFresh === true };
    });
  }

  /** By `group/version`: those whose OpenAPI documents can be had. */
  get openApi(): ReadonlyMap<string, { readonly remote: Remote; readonly hash: string | undefined }> {
    return new Map([...this.#remotes].filter(([, { isAvailable }]) => isAvailable).map(([key, remote]) => [key, { remote, hash: this.#told.get(key)?.openApiHash }]));
  }

  /** Where to ask, with what certificates. Throws Error where there is nobody. */
  async upstream({ apiService: { spec } }: Remote, verify = true): Promise<Upstream> {
    const { world, random, frontProxy } = this.#deps;
    const { namespace = '', name = '', port = 443 } = spec.service!;
    const service = world.get(services, { namespace, name });
    if (!service) throw new Error(`service ${JSON.stringify(name)} not found`);
    const identity = await frontProxy;
    const tls: UpstreamTls = {
      servername: `${name}.${namespace}.svc`,
      rejectUnauthorized: verify && spec.insecureSkipTLSVerify !== true,
      ...(spec.caBundle ? { ca: Buffer.from(spec.caBundle, 'base64').toString() } : {}),
      ...(identity ? { cert: identity.certPem, key: identity.keyPem } : {}),
    };
    return { protocol: 'https', ...serviceEndpoint(service, namespace, port, world, random), agent: this.#agent, tls };
  }

  /** Whether the server answers for its version, in the words of the condition; what it says it serves is kept. Undefined: it does. */
  async check(name: string, signal: AbortSignal): Promise<{ readonly error?: string; readonly resources: readonly RemoteResource[] }> {
    const remote = [...this.#remotes.values()].find((one) => one.name === name);
    if (!remote) return { error: 'there is no such server', resources: [] };
    const key = `${remote.group}/${remote.version}`;
    const fail = (error: string) => {
      const told = this.#told.get(key);
      if (told?.isFresh) this.#tell(key, { ...told, isFresh: false });
      return { error, resources: told?.resources ?? [] };
    };
    let url = `https://${remote.apiService.spec.service!.name}.${remote.apiService.spec.service!.namespace}.svc`;
    try {
      // As upstream: whether it is the right one is found out by those who use it.
      const to = await this.upstream(remote, false);
      url = `https://${to.host.includes(':') ? `[${to.host}]` : to.host}:${to.port}/apis/${key}`;
      const answer = await this.#ask(to, { path: `/apis/${key}`, user: aggregator, timeoutMs: checkMs }, signal);
      if (answer.code < 200 || answer.code >= 300) return fail(`failing or missing response from ${url}: bad status from ${url}: ${answer.code}`);
      const list = answer.json() as { resources?: RemoteResource[] } | undefined;
      const resources = Array.isArray(list?.resources) ? list.resources.filter((one) => typeof one?.name === 'string' && Array.isArray(one.verbs)) : [];
      this.#tell(key, { resources, openApiHash: await this.#openApiHash(remote, signal), isFresh: true });
      return { resources };
    } catch (error) {
      return fail(`failing or missing response from ${url}: Get ${JSON.stringify(url)}: ${(error as Error).message}`);
    }
  }

  /** Asks in the name of a user. Throws Error where no answer comes. */
  async ask(remote: Remote, request: Asked, signal: AbortSignal) {
    return this.#ask(await this.upstream(remote), request, signal);
  }

  async #ask(to: Upstream, request: Asked, signal: AbortSignal) {
    const told = (code: number | undefined) => this.#deps.calls?.count(`${to.tls?.servername ?? to.host}:${to.port}`, request.method ?? 'GET', code);
    try {
      const answer = await ask(to, request, this.#deps.clock, signal);
      told(answer.code);
      return answer;
    } catch (error) {
      told(undefined);
      throw error;
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  /** Many servers have no OpenAPI v3: that is no fault. */
  async #openApiHash(remote: Remote, signal: AbortSignal): Promise<string | undefined> {
    try {
      const answer = await this.ask(remote, { path: '/openapi/v3', user: aggregator, timeoutMs: checkMs }, signal);
      const index = answer.code === 200 ? (answer.json() as { paths?: Record<string, { serverRelativeURL?: string }> }) : undefined;
      const url = index?.paths?.[`apis/${remote.group}/${remote.version}`]?.serverRelativeURL;
      return url === undefined ? undefined : (/[?&]hash=([^&]*)/.exec(url)?.[1] ?? '');
    } catch {
      return undefined;
    }
  }

  #tell(key: string, told: Told): void {
    const before = this.#told.get(key);
    this.#told.set(key, told);
    if (!sameJson(before, told)) this.#changed();
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }
}

/** As whom this server itself asks for what it shows of the others. */
export const ownUser = aggregator;
