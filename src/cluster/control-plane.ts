// The store, the API server, the controllers and the scheduler.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { HttpCalls } from '../base/http-calls.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { kinds, services } from '../api/kinds/index.ts';
import type { UserInfo } from '../api/kind.ts';
import type { NodeService } from '../api/node-service.ts';
import type { Transport } from '../api/request.ts';
import { Client } from '../client/client.ts';
import { aboutOf, createEventRecorder } from '../client/event-recorder.ts';
import { createSharedInformers, type SharedInformers } from '../client/shared-informers.ts';
import type { QueueCounts } from '../control/controller.ts';
import { writeQueueMetrics } from '../control/queue-metrics.ts';
import { createControllers } from '../controllers/create-controllers.ts';
import { createOwnServiceController } from '../controllers/own-service/own-service.ts';
import { createScheduler } from '../scheduler/scheduler.ts';
import { SchedulerMetrics } from '../scheduler/scheduler-metrics.ts';
import { admissions } from '../server/admission/admissions.ts';
import { createAuthenticator } from '../server/auth/authenticate.ts';
import { createJwtAuthenticator } from '../server/auth/jwt/authenticator.ts';
import { createAuthorizer, identities } from '../server/auth/authorize.ts';
import { createServiceAccountTokens } from '../server/auth/service-account-tokens.ts';
import { signRequest } from '../server/auth/certificates.ts';
import { buildClusterInfo, buildKubeconfig } from '../server/auth/kubeconfig.ts';
import { createApiServer, type ApiServer } from '../server/server.ts';
import { createRemoteNodes, type RemoteNodes } from '../server/remote-node.ts';
import { createStreams } from '../server/streams/upgrade.ts';
import { Unreadable } from '../store/encryption/transformer.ts';
import { readAuthentication } from './authentication-config.ts';
import { bootstrap } from './bootstrap.ts';
import type { Crew } from './crew.ts';
import type { Layout } from './layout.ts';
import { kubernetesService } from './own-services.ts';
import { openAuditLog } from './open-audit-log.ts';
import { openStore } from './open-store.ts';
import { wildcards, type ParsedOptions } from './options.ts';
import { dnsNames, ensurePki, frontProxyName, ensureServiceAccountKey, type Pki } from './pki.ts';
import { publishJoinInfo } from './join-info.ts';
import { nodeBits } from '../network/pod-network/choose.ts';
import { advertisedAddress, hostText, isLoopback, machineAddress } from './machine-address.ts';
import { firstAddress, serviceRangesOf } from './network-choice.ts';
import { writeSettings, type Settings } from './settings.ts';
import { readTokens } from './token-file.ts';
import { simulatedScripts } from './simulated-scripts.ts';
import { UserError } from './user-error.ts';
import { kubernetesVersion } from './version.ts';

export interface ControlPlaneDeps {
  readonly layout: Layout;
  readonly settings: Settings;
  readonly parsed: ParsedOptions;
  readonly crew: Crew;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface ControlPlane {
  /** `https://127.0.0.1:6443` */
  readonly server: string;
  /** Where other machines reach it; undefined: they cannot. */
  readonly joinServer: string | undefined;
  /** Path of the admin's kubeconfig. */
  readonly kubeconfig: string;
  readonly adminTransport: Transport;
  transport(user: UserInfo): Transport;
  /** From here on logs and streams of the node's Pods go to `service`. */
  addNode(name: string, service: NodeService): void;
  /** Serves Pods too: where it listens for this machine alone, at the gateway of their network, which must be there. */
  openToPods(): Promise<void>;
}

const defaultPort = 6443;

/** Resolves once the API answers over HTTPS. */
export async function startControlPlane(deps: ControlPlaneDeps, signal: AbortSignal): Promise<ControlPlane> {
  const { layout, settings, parsed, crew, clock, random, log } = deps;
  const nodeServices = new Map<string, NodeService>();
  // For Pods the API is at the first address of its Service, and listens where other machines find it, or else at the gateway of theirs.
  const [gateway, clusterIP] = [firstAddress(settings.podRange), firstAddress(settings.serviceRange)];
  const isOpen = !isLoopback(parsed.host);
  const advertised = advertisedAddress(parsed);
  const ownAddresses = [machineAddress(), gateway, clusterIP, ...(isOpen ? [advertised] : []), ...(wildcards.has(parsed.host) ? [] : [parsed.host])];
  const pkiReady = ensurePki(layout.pki, ownAddresses, clock);
  // A start that fails meanwhile does not leave while they are being written; that they failed is told where they are awaited.
  crew.atEnd('certificates', () => pkiReady.then(() => {}, () => {}));
  let remoteNodes: RemoteNodes | undefined;
  const queues: QueueCounts = new Map();
  const { jwts, anonymous } = readAuthentication(parsed);
  const { store, writeMetrics: writeStoreMetrics } = await openStore({ layout, encryptionProviderConfig: parsed.encryptionProviderConfig, crew, clock, log: log.named('store') });
  const authorize = createAuthorizer();
  const serviceAccountTokens = createServiceAccountTokens({ signingKeyPem: ensureServiceAccountKey(layout.pki), clock });
  const audit = await openAuditLog(parsed, clock, log.named('audit'));
  if (audit) crew.atEnd('audit log', () => audit.close());
  const informers: SharedInformers[] = [];
  const calls = new HttpCalls();
  const schedulerMetrics = new SchedulerMetrics();
  let isBootstrapped = false;
  const bootstrapped = { check: () => (isBootstrapped ? undefined : 'not finished') };
  const runs = (part: string) => () => (crew.isRunning(part) ? undefined : 'it does not run');
  const api = await createApiServer({
    store,
    kinds,
    clock,
    random,
    log: log.named('api'),
    nodes: (name) => nodeServices.get(name),
    remoteNodes: (node) => remoteNodes?.(node),
    authenticate: createAuthenticator({ tokens: readTokens(parsed.tokenAuthFile), ...(anonymous ? { anonymous } : {}) }),
    ...(jwts.length > 0 ? { authenticateJwt: createJwtAuthenticator(jwts, clock, log.named('oidc')) } : {}),
    authorize,
    ...(audit ? { audit } : {}),
    serviceAccountTokens,
    admission: [...admissions({ authorize }), ...(parsed.simulatedNodes > 0 ? [simulatedScripts] : [])],
    streams: createStreams({ clock }),
    serviceRanges: serviceRangesOf(settings),
    nodePortRange: { first: 30000, last: 32767 },
    limits: {
      maxRequestsInFlight: (parsed.maxRequestsInflight ?? 400) + (parsed.maxMutatingRequestsInflight ?? 200),
      ...(parsed.requestTimeout === undefined ? {} : { requestTimeoutMs: parsed.requestTimeout }),
      ...(parsed.minRequestTimeout === undefined ? {} : { minRequestTimeoutSeconds: parsed.minRequestTimeout }),
    },
    version: kubernetesVersion.gitVersion,
    frontProxy: pkiReady.then(({ frontProxyClient }) => frontProxyClient),
    components: { scheduler: runs('scheduler'), 'controller-manager': runs('controllers') },
    calls,
    checks: {
      'informer-sync': { check: () => unsynced(informers), isForReadiness: true },
      controllers: { check: () => notBegun(queues), isForReadiness: true },
      'poststarthook/start-system-namespaces-controller': bootstrapped,
      'poststarthook/scheduling/bootstrap-system-priority-classes': bootstrapped,
    },
    moreMetrics(text) {
      writeQueueMetrics(queues, text);
      schedulerMetrics.write(text);
      writeStoreMetrics(text);
    },
  }, signal).catch((error: unknown) => {
    throw error instanceof Unreadable ? unreadable(error, parsed) : error;
  });
  crew.atEnd('API server', () => api.close());
  crew.run(api);
  const pki = await pkiReady;
  if (isOpen) {
    const { certPem: cert, keyPem: key } = pki.kubeletClient;
    remoteNodes = createRemoteNodes({ ca: pki.authority.certPem, cert, key, clock, calls });
    const { close } = remoteNodes;
    crew.atEnd('connections to nodes', async () => close());
  }
  const port = await listen(api, parsed, settings, pki);
  if (port !== settings.port) writeSettings(layout.settings, { ...settings, port });
  const server = `https://${hostText(wildcards.has(parsed.host) ? '127.0.0.1' : parsed.host)}:${port}`;
  const joinServer = isOpen ? `https://${hostText(advertised)}:${port}` : undefined;
  const kubeconfig = parsed.kubeconfig ?? layout.kubeconfig;
  writeKubeconfig(kubeconfig, server, pki);

  const adminTransport = api.transport(identities.apiServer);
  const adminClient = new Client(adminTransport);
  const kubernetes = kubernetesService(settings.serviceRange, { ip: isOpen ? advertised : gateway, port });
  await bootstrap(adminClient, kubernetes, signal);
  isBootstrapped = true;
  if (joinServer) await publishJoinInfo(adminClient, settings, signal);
  const controllerClient = new Client(api.transport(identities.controllerManager));
  tellProblems(api, adminClient, deps);
  const controllerInformers = createSharedInformers({ client: controllerClient, clock, random, log });
  crew.run(controllerInformers);
  crew.run(createControllers({
    client: controllerClient, informers: controllerInformers, clock, random, log: log.named('controllers'), rootCa: pki.authority.certPem, queues,
    tokenSecrets: { sign: (token) => serviceAccountTokens.signLegacy(token), forEveryAccount: parsed.legacyServiceAccountTokens === true },
    terminatedPodGcThreshold: parsed.terminatedPodGcThreshold,
    nodeLifecycle: { ...(parsed.nodeMonitorGracePeriodMs ? { monitorGraceMs: parsed.nodeMonitorGracePeriodMs } : {}), ...(parsed.nodeStartupGracePeriodMs ? { startupGraceMs: parsed.nodeStartupGracePeriodMs } : {}) },
    nodeRanges: { clusterRange: settings.clusterRange ?? settings.podRange, nodeBits, reserved: parsed.node ? [settings.podRange] : [] },
    certificates: { sign: (request, usages, lastsSeconds) => signRequest(pki.authority, request, usages, lastsSeconds, clock), reserved: [...dnsNames, '127.0.0.1', '::1', ...ownAddresses] },
    checkApiService: (name, signal) => api.checkApiService(name, signal),
    trustedAuthorities: { clientCa: pki.authority.certPem, frontProxyCa: pki.frontProxyAuthority.certPem, frontProxyNames: [frontProxyName] },
    clusterInfo: joinServer && buildClusterInfo({ server: joinServer, authorityPem: pki.authority.certPem }),
  }));
  const ownInformers = createSharedInformers({ client: adminClient, clock, random, log });
  crew.run(createOwnServiceController(kubernetes, { client: adminClient, informers: ownInformers, clock, log: log.named('controllers') }));
  crew.run(ownInformers);
  const schedulerClient = new Client(api.transport(identities.scheduler));
  const schedulerInformers = createSharedInformers({ client: schedulerClient, clock, random, log });
  crew.run(schedulerInformers);
  informers.push(controllerInformers, ownInformers, schedulerInformers);
  crew.run(createScheduler({ client: schedulerClient, informers: schedulerInformers, metrics: schedulerMetrics, clock, random, log: log.named('scheduler') }));
  return {
    server,
    joinServer,
    kubeconfig,
    adminTransport,
    transport: (user) => api.transport(user),
    addNode: (name, service) => void nodeServices.set(name, service),
    async openToPods() {
      if (!isOpen) {
        await api.listen({ host: gateway, port, ...tlsOf(pki) }).catch((error: unknown) => {
          throw new UserError(`the API server cannot listen for Pods on ${gateway}:${port}`, 'give another --port', { cause: error });
        });
      }
    },
  };
}

/** In upstream's words; before they are made, all is still to come. */
function unsynced(informers: readonly SharedInformers[]): string | undefined {
  if (informers.length === 0) return 'informers not started yet';
  const left = informers.flatMap(({ unsynced: ofThese }) => ofThese);
  return left.length === 0 ? undefined : `${left.length} informers not started yet: [${left.join(' ')}]`;
}

function notBegun(queues: QueueCounts): string | undefined {
  const left = [...queues].filter(([, { hasBegun }]) => !hasBegun).map(([name]) => name);
  if (queues.size === 0) return 'not started yet';
  return left.length === 0 ? undefined : `${left.length} controllers not started yet: [${left.join(' ')}]`;
}

/** As Kubernetes' repair loops tell of them, once at the start. */
function tellProblems({ allocationProblems }: ApiServer, client: Client, { crew, clock, random, log }: ControlPlaneDeps): void {
  if (allocationProblems.length === 0) return;
  const events = createEventRecorder({ client, component: 'ipallocator-repair-controller', clock, random, log });
  crew.atEnd('events of the repair', () => events.flush(AbortSignal.timeout(1000)));
  for (const { service, reason, message } of allocationProblems) events.event(aboutOf(services, service), 'Warning', reason, message);
}

/** Nothing has been written: with the right configuration all is there again. */
function unreadable(error: Unreadable, { encryptionProviderConfig: file }: ParsedOptions): UserError {
  const remedy = error.writtenBy ? `give a file with --encryption-provider-config in which that resource has the key of ${error.writtenBy}` : `add the provider "identity: {}" to that resource in ${file}`;
  return new UserError(`Internal error occurred: ${error.message}`, remedy, { cause: error });
}

/** On the port that was asked for; else on that of last time, else 6443, and where that is taken on any. */
async function listen(api: ApiServer, parsed: ParsedOptions, settings: Settings, pki: Pki): Promise<number> {
  const tls = tlsOf(pki);
  const wanted = parsed.port ?? settings.port ?? defaultPort;
  try {
    return (await api.listen({ host: parsed.host, port: wanted, ...tls })).port;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    if (parsed.port) throw new UserError(`port ${parsed.port} on ${parsed.host} is in use`, 'give another --port, or none to take one that is free');
    return (await api.listen({ host: parsed.host, port: 0, ...tls })).port;
  }
}

function tlsOf({ server, authority }: Pki) {
  return { key: server.keyPem, cert: server.certPem, clientCa: authority.certPem };
}

function writeKubeconfig(file: string, server: string, pki: Pki): void {
  const text = buildKubeconfig({
    server, authorityPem: pki.authority.certPem, clientCertPem: pki.admin.certPem, clientKeyPem: pki.admin.keyPem, clusterName: 'peapod', userName: 'admin',
  });
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text, { mode: 0o600 });
}
