// The API server: the registry over a store, and the ways to it.
import type { Clock } from '../base/clock.ts';
import { HttpCalls } from '../base/http-calls.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { Runnable } from '../base/runnable.ts';
import type { Kind, UserInfo } from '../api/kind.ts';
import { mutatingAdmissionPolicies, mutatingAdmissionPolicyBindings, validatingAdmissionPolicies, validatingAdmissionPolicyBindings } from '../api/kinds/admission-policy.ts';
import type { RemoteResource } from '../api/discovery/remote.ts';
import { apiServices } from '../api/kinds/api-service.ts';
import { exemptName } from '../api/kinds/flow-control-defaults.ts';
import { flowSchemas, priorityLevelConfigurations } from '../api/kinds/flow-control.ts';
import { clusterRoles, nodes as nodeKind, pods, unstoredKinds } from '../api/kinds/index.ts';
import { writeBuildInfo } from '../api/version-info.ts';
import { otherVersions } from '../api/kinds/versions.ts';
import type { NodeService, NodeServices } from '../api/node-service.ts';
import type { Transport } from '../api/request.ts';
import type { KubeObject, Node, Service } from '../api/types.ts';
import type { Store } from '../store/store.ts';
import type { Admission } from './admission/admission.ts';
import { AdmissionMetrics } from './admission/admission-metrics.ts';
import { roleEscalation } from './admission/role-escalation.ts';
import { Aggregation } from './aggregation/aggregation.ts';
import { AggregatedCalls } from './aggregation/call-aggregated.ts';
import { createAggregatedForwarding } from './aggregation/forward-aggregated.ts';
import { registerApiServices } from './aggregation/register.ts';
import { Api } from './api.ts';
import type { AuditLog } from './audit/audit-log.ts';
import type { Authenticate, Authorize } from './auth/access.ts';
import type { KeyedCertificate } from './auth/certificates.ts';
import { bootstrapUserOf } from './auth/bootstrap-tokens.ts';
import { followRoles } from './auth/follow-roles.ts';
import { followNodes } from './auth/node-graph.ts';
import type { AuthenticateJwt } from './auth/jwt/authenticator.ts';
import type { ServiceAccountTokens } from './auth/service-account-tokens.ts';
import { issuer as ownAudience } from './auth/token-claims.ts';
import { Documents } from './http/documents.ts';
import { auditIds, auditing, auditUnauthenticated } from './http/audit-filter.ts';
import { deadline } from './http/deadline.ts';
import { authentication, impersonation } from './http/filters.ts';
import { createHandler } from './http/handler.ts';
import { authenticator, listen, type AuthenticateToken, type Listening, type ListenOptions } from './http/http-server.ts';
import { MetricsText } from '../base/metrics-text.ts';
import { writeProcessMetrics } from '../base/process-metrics.ts';
import { RequestMetrics } from './http/metrics.ts';
import type { Passing } from './http/passing.ts';
import { ApiError } from '../api/error.ts';
import { followDefinitions } from './custom/follow-definitions.ts';
import { createMutatingPolicies } from './policies/mutating.ts';
import { createValidatingPolicies } from './policies/validating.ts';
import { createConversion } from './webhooks/conversion.ts';
import { followAll } from './webhooks/follow-configurations.ts';
import { createWebhookClient } from './webhooks/webhook-client.ts';
import { createWebhooks, webhookKinds } from './webhooks/webhooks.ts';
import { trackLegacyTokens } from './legacy-token-use.ts';
import type { Checks } from './http/health.ts';
import { StoreHealth } from './store-health.ts';
import { amountsIn } from './flow-control/amounts.ts';
import { FlowControl } from './flow-control/flow-control.ts';
import { keepFlowControlObjects } from './flow-control/keep-objects.ts';
import { LocalTransport } from './local-transport.ts';
import { createNodeProxy } from './node-proxy.ts';
import { PodMoments } from './pod-moments.ts';
import { podTimelineKinds } from './pod-timelines.ts';
import { openLog, streamTarget, textOf } from './pod-streams.ts';
import { createProxying } from './proxy/proxy.ts';
import { expireEvents } from './registry/event-expiry.ts';
import { componentStatusKinds, type Components } from './component-statuses.ts';
import { evict } from './registry/evict.ts';
import { apiVersionOf } from './registry/receive.ts';
import { reconcileRoles } from './reconcile-roles.ts';
import { reviews, type TokenOwner } from './reviews.ts';
import { usageMetrics } from './usage-metrics.ts';
import { KeyQueue } from './registry/key-queue.ts';
import type { Registry } from './registry/registry.ts';
import { ServedKinds } from './served-kinds.ts';
import { ServiceAddresses, type AllocationProblem, type PortRange } from './registry/service-addresses.ts';
import type { Streams } from './streams/streams.ts';
import { answerTokenRequests, tokenSubresource } from './token-request.ts';
import { Cache } from './watch/cache.ts';

export interface ApiServerOptions {
  readonly store: Store;
  readonly kinds: readonly Kind[];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Those of this process. */
  readonly nodes: NodeServices;
  /** Those elsewhere, as their Nodes say where; absent: there are none. */
  readonly remoteNodes?: (node: Node) => NodeService | undefined;
  readonly authenticate: Authenticate;
  readonly authorize: Authorize;
  readonly serviceAccountTokens: ServiceAccountTokens;
  /** Of tokens that others have issued; absent: there are none. */
  readonly authenticateJwt?: AuthenticateJwt;
  readonly admission: readonly Admission[];
  readonly streams: Streams;
  /** Of the Services' cluster IPs: one for each family that the cluster has, its first one first. */
  readonly serviceRanges: readonly string[];
  readonly nodePortRange: PortRange;
  /** What the server says it is: `v1.36.0`. */
  readonly version: string;
  /** Told of requests; it is closed by whoever opened it. Absent: nobody is. */
  readonly audit?: AuditLog;
  /** By which servers of other APIs know this one; absent: they must believe what they are told of who asks. */
  readonly frontProxy?: Promise<KeyedCertificate>;
  /** Where requests to others are counted: to webhooks and the servers of other APIs, beside those of whoever gives this. */
  readonly calls?: HttpCalls;
  /** What else of this process is shown at /metrics. */
  readonly moreMetrics?: (text: MetricsText) => void;
  /** More of what /healthz, /livez and /readyz look at. */
  readonly checks?: Checks;
  /** The parts of the control plane beside the server and its store, as `kubectl get componentstatuses` shows them; absent: there are none. */
  readonly components?: Components;
  readonly limits?: RequestLimits;
  /** Freezes every shared object, so that a test sees a change to one where it is made. */
  readonly freeze?: boolean;
}

export interface RequestLimits {
  /** How many seats requests over HTTP have at once, those of the priority level `exempt` not counted. Default: 600, as kube-apiserver's two flags together. */
  readonly maxRequestsInFlight?: number;
  /** How long a request may take that does not go on for as long as its client likes, as kube-apiserver's --request-timeout. Default: 60 s. */
  readonly requestTimeoutMs?: number;
  /** How long a watch goes on that does not say so, at least, and up to twice as long, as --min-request-timeout. Default: 1,800. */
  readonly minRequestTimeoutSeconds?: number;
}

export interface ApiServer extends Runnable {
  /** What of the stored Services' addresses and node ports cannot be as it is: found at the start. */
  readonly allocationProblems: readonly ({ readonly service: Service } & AllocationProblem)[];
  /** In process, as this user. `warned` is told each warning that comes with an answer. */
  /** Whether the server that an APIService names answers; `error`: in the words of its condition. What it says it serves is kept. */
  checkApiService(name: string, signal: AbortSignal): Promise<{ readonly error?: string; readonly resources: readonly RemoteResource[] }>;
  transport(user: UserInfo, warned?: (text: string) => void): Transport;
  /** May be called for several addresses; clients are told of the first. */
  listen(options: ListenOptions): Promise<{ readonly port: number }>;
  /** Ends every connection. The store stays open: it was given. */
  close(): Promise<void>;
}

/** Resolves once all that is stored has been loaded and requests can be served. */
export async function createApiServer(options: ApiServerOptions, signal: AbortSignal): Promise<ApiServer> {
  const { store, kinds, clock, random, log, streams, admission, serviceAccountTokens: tokens } = options;
  const cache = await Cache.load(store, kinds, options.freeze === true, signal);
  const serviceAddresses = new ServiceAddresses(options.serviceRanges, options.nodePortRange, random);
  const services = kinds.find((kind) => kind.group === '' && kind.plural === 'services');
  const allocationProblems = (services ? [...cache.list(services)] : []).flatMap((service) => serviceAddresses.load(service as Service).map((problem) => ({ service: service as Service, ...problem })));
  const nodes: NodeServices = (name) => {
    const local = options.nodes(name);
    if (local || !options.remoteNodes || !cache.has(nodeKind)) return local;
    const node = cache.get(nodeKind, { namespace: '', name });
    return node && options.remoteNodes(node);
  };
  const storeHealth = new StoreHealth(store, clock);
  const calls = options.calls ?? new HttpCalls();
  const client = createWebhookClient(cache, clock, random, calls);
  const convert = createConversion(client, random);
  const known = [...kinds, ...unstoredKinds];
  const served = new ServedKinds(known.filter(({ storedAs }) => !storedAs || known.some(({ group, version, plural }) => storedAs.resource.plural === plural && storedAs.resource.group === group && storedAs.resource.version === version)));
  const versionsOf = (kind: Kind) => [...served.all.filter((one) => one.plural === kind.plural && one.group === kind.group && !one.storedAs), ...otherVersions(kind)];
  const admissionMetrics = new AdmissionMetrics();
  const webhooks = createWebhooks({ client, clock, metrics: admissionMetrics, random, authorize: options.authorize, versionsOf, convert, log });
  const kindNamed = (apiVersion: string, name: string) => served.all.find((one) => one.kind === name && apiVersionOf(one) === apiVersion && !one.storedAs && !one.verbs);
  const mutatingPolicies = createMutatingPolicies({ authorize: options.authorize, versionsOf, kindNamed, clock, random });
  const validatingPolicies = createValidatingPolicies({ authorize: options.authorize, versionsOf, kindNamed });
  const registry: Registry = { admissionMetrics, writeFailed: storeHealth.failed, store, cache, clock, random, convert, admission: [...admission, roleEscalation(options.authorize), mutatingPolicies.plugin, validatingPolicies.plugin, ...webhooks.plugins], serviceAddresses, keyQueue: new KeyQueue(), freeze: options.freeze === true };
  if (options.authorize.roles) followRoles(cache, options.authorize.roles);
  if (options.authorize.nodeGraph && cache.has(pods)) followNodes(cache, options.authorize.nodeGraph);
  await reconcileRoles(registry);
  followAll(cache, webhookKinds.mutating, log, webhooks.setMutating);
  followAll(cache, webhookKinds.validating, log, webhooks.setValidating);
  followAll(cache, mutatingAdmissionPolicies, log, mutatingPolicies.setPolicies);
  followAll(cache, mutatingAdmissionPolicyBindings, log, mutatingPolicies.setBindings);
  followAll(cache, validatingAdmissionPolicies, log, validatingPolicies.setPolicies);
  followAll(cache, validatingAdmissionPolicyBindings, log, validatingPolicies.setBindings);
  const tokenUsed = trackLegacyTokens(registry, log);
  const authenticateToken: AuthenticateToken = (token) => {
    const own = bootstrapUserOf(token, cache, clock) ?? tokens.authenticate(token, cache, undefined, tokenUsed);
    const { authenticateJwt } = options;
    if (!authenticateJwt) return own;
    return own instanceof Promise ? own.then((user) => user ?? authenticateJwt(token)) : (own ?? authenticateJwt(token));
  };
  const ownerOf: TokenOwner = async (token, audiences) =>
    (audiences.length === 0 ? options.authenticate({ authorization: `Bearer ${token}`, path: '' }) : undefined) ?? (audiences.length === 0 ? bootstrapUserOf(token, cache, clock) : undefined) ?? (await tokens.authenticate(token, cache, audiences.length > 0 ? audiences : undefined, tokenUsed)) ?? (audiences.length === 0 || audiences.includes(ownAudience) ? options.authenticateJwt?.(token) : undefined);
  const aggregation = new Aggregation({ world: cache, clock, random, frontProxy: options.frontProxy, calls });
  const unstored = { ...reviews(options.authorize, ownerOf), ...usageMetrics(nodes), ...podTimelineKinds(new PodMoments(cache, clock), nodes), ...componentStatusKinds({ ...options.components, 'etcd-0': storeHealth.check }) };
  const api = new Api(registry, served, options.authorize, { [tokenSubresource]: answerTokenRequests(tokens), 'pods/eviction': evict }, unstored);
  const metrics = new RequestMetrics(clock);
  const senderOf = authenticator(options.authenticate, authenticateToken);
  const { maxRequestsInFlight = 600, requestTimeoutMs = 60_000, minRequestTimeoutSeconds = 1800 } = options.limits ?? {};
  const flowControl = new FlowControl({ clock, maxRequestsInFlight, longestWaitMs: requestTimeoutMs / 4, longestServiceMs: requestTimeoutMs, amounts: amountsIn(cache) });
  await keepFlowControlObjects(registry, log);
  followAll(cache, priorityLevelConfigurations, log, flowControl.setLevels);
  followAll(cache, flowSchemas, log, flowControl.setSchemas);
  const closing = new AbortController();
  const listening: Listening[] = [];

  let hasDefinitions = false;
  let hasApiServices = false;
  const documents = new Documents({
    kinds: () => (aggregation.versions.length === 0 ? served.all : served.all.filter((kind) => !aggregation.at(kind))),
    aggregation,
    version: options.version,
    address: () => (listening[0] ? `${listening[0].host}:${listening[0].port}` : ''),
    openId: { configuration: tokens.openIdConfiguration, keySet: tokens.keySet },
    // The server answers once its cache holds all that is stored, and the default roles and levels are as they must be.
    checks: {
      ping: { check: () => undefined },
      log: { check: () => undefined },
      etcd: { check: storeHealth.check },
      'etcd-readiness': { check: storeHealth.check, isForReadiness: true },
      ...options.checks,
      'poststarthook/rbac/bootstrap-roles': { check: () => missing(cache, clusterRoles, 'cluster-admin') },
      'poststarthook/priority-and-fairness-config-producer': { check: () => missing(cache, flowSchemas, exemptName) },
      'poststarthook/crd-informer-synced': { check: () => (hasDefinitions ? undefined : 'not finished') },
      'poststarthook/apiservice-registration-controller': { check: () => (hasApiServices ? undefined : 'not finished') },
      'autoregister-completion': { check: () => (hasApiServices ? undefined : 'not finished') },
      shutdown: { check: () => (closing.signal.aborted ? 'the server is stopping' : undefined), isForReadiness: true },
    },
    metrics() {
      const text = new MetricsText();
      metrics.write(text);
      flowControl.write(text);
      admissionMetrics.write(text);
      calls.write(text);
      writeBuildInfo(text, options.version);
      const objects = text.family('apiserver_storage_objects', 'gauge', '[STABLE] Number of stored objects at the time of last check split by kind. In case of a fetching error, the value will be -1.');
      for (const { kind } of cache.all) objects({ resource: kind.group ? `${kind.plural}.${kind.group}` : kind.plural }, cache.of(kind).size);
      const watchers = text.family('apiserver_registered_watchers', 'gauge', '[ALPHA] Number of currently registered watchers for a given resources');
      for (const { kind } of cache.all) watchers({ group: kind.group, kind: kind.kind, version: kind.version }, cache.of(kind).watchers);
      text.one('peapod_store_revision', 'gauge', 'The revision of the newest write.', cache.revision);
      options.audit?.write(text);
      options.moreMetrics?.(text);
      writeProcessMetrics(text);
      return text.toString();
    },
  });
  served.onChange(() => documents.changed());
  followDefinitions(cache, served, options.freeze === true, log);
  hasDefinitions = true;
  aggregation.onChange(() => documents.changed());
  followAll(cache, apiServices, log, (all) => aggregation.set(all));
  await registerApiServices(registry, served, log);
  hasApiServices = true;
  const proxying = createProxying(api);
  const aggregated = createAggregatedForwarding(aggregation, api, options.authorize, clock, log);
  const aggregatedCalls = new AggregatedCalls(aggregation, clock);
  const upgraded = async ({ upgrade, route, user, measuring }: Passing) => {
    const { incoming, socket, head } = upgrade!;
    const remote = aggregation.of(route);
    if (remote) {
      aggregated.admit(route, incoming.method ?? 'GET', user!);
      using _going = measuring.goesOn(101);
      return aggregated.upgrade(remote, user!, upgrade!);
    }
    if (route.type !== 'resource') throw ApiError.noSuchResource();
    const { request } = route;
    api.servedKind(request);
    measuring.request = { ...request, verb: 'connect' };
    const target = request.subresource === 'proxy' ? await proxying.wayTo(request, user!) : await streamTarget(api, nodes, request, user!);
    const gone = new AbortController();
    const going = measuring.goesOn(101);
    socket.once('close', () => {
      going[Symbol.dispose]();
      gone.abort();
    });
    if ('upstream' in target) return proxying.upgrade(target, incoming, socket, head);
    await streams.upgrade(incoming, socket, head, target, AbortSignal.any([gone.signal, closing.signal]));
  };
  const { audit } = options;
  // In kube-apiserver's order; see filters.ts.
  const filters = [auditIds(random), authentication(senderOf, audit && auditUnauthenticated(audit)), ...(audit ? [auditing(audit)] : []), deadline(clock, requestTimeoutMs), impersonation(options.authorize), flowControl.filter];
  const handler = createHandler({ api, nodes, documents, filters, upgraded, authorize: options.authorize, nodeProxy: createNodeProxy(registry, nodes, options.authorize), proxying, aggregation, aggregated, metrics, minRequestTimeoutSeconds, clock, random, log });

  return {
    name: 'api-server',
    allocationProblems,
    transport: (user, warned) =>
      new LocalTransport(
        api,
        user,
        {
          log: (request, sender, signal) => textOf(openLog(api, nodes, request, sender, signal)),
          open: async (request, sender, signal) => streams.open(await streamTarget(api, nodes, request, sender), signal),
        },
        { at: (resource) => aggregation.at(resource), calls: aggregatedCalls },
        warned,
        audit && { log: audit, random },
      ),
    checkApiService: (name, signal) => aggregation.check(name, signal),
    async listen(where) {
      const one = await listen(where, handler, clock);
      listening.push(one);
      return { port: one.port };
    },
    run: (signal) => expireEvents(registry, log, signal),
    async close() {
      closing.abort();
      await Promise.all(listening.map((one) => one.close()));
      aggregation.close();
      cache[Symbol.dispose]();
    },
  };
}

/** Of a kind that is not served nothing is missed. */
function missing<T extends KubeObject>(cache: Cache, kind: Kind<T>, name: string): string | undefined {
  return !cache.has(kind) || cache.get(kind, { namespace: '', name }) ? undefined : `${kind.plural} ${JSON.stringify(name)} is not there yet`;
}
