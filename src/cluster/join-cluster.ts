// One node of a cluster elsewhere, in this process: the order in which its parts start, and stop.
//
//   token ─► authority ─► certificate ─► Node object, with its Pod range ─► settings ─┬─► Pod network, containerd ─► runtime ─┐
//   (a later start has all of these from the last) ───────────────────────────────────┴─► HTTPS endpoint ─────────────────────┴─► node agent ─► Ready
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { isReason } from '../api/error.ts';
import { readBootstrapToken, type BootstrapToken } from '../api/certificates/bootstrap-token.ts';
import { configMaps } from '../api/kinds/config-map.ts';
import { nodes } from '../api/kinds/node.ts';
import type { New, Node } from '../api/types.ts';
import { formatTime, systemClock, type Clock } from '../base/clock.ts';
import { systemRandom, type Random } from '../base/random.ts';
import { Client } from '../client/client.ts';
import { HttpCalls } from '../base/http-calls.ts';
import { HttpTransport } from '../client/http-transport.ts';
import { identities } from '../server/auth/authorize.ts';
import { freeBridge } from '../network/pod-network/choose.ts';
import { overlap, parseRange } from '../network/pod-network/ipv4-range.ts';
import { readMachineNetwork } from '../network/pod-network/machine-network.ts';
import { createCertificateKeeper, isExpired } from '../node/certificates/certificate-keeper.ts';
import { buildKubeconfig } from '../server/auth/kubeconfig.ts';
import { Crew } from './crew.ts';
import { addressTowards, discoverAuthority, newToken } from './discover.ts';
import { removeInstance, writeInstance } from './instance.ts';
import { joinInfoKey, type JoinInfo } from './join-info.ts';
import { layoutOf, type Layout } from './layout.ts';
import { openLog } from './log-file.ts';
import { startMachine } from './machine.ts';
import { createAgent, type AgentOptions } from './node.ts';
import { createNodeAccess } from './node-access.ts';
import { startNodeEndpoint } from './node-endpoint.ts';
import { firstCertificate, NodeIdentity, wantedClientCertificate, wantedServingCertificate } from './node-identity.ts';
import { startNodeRoutes } from './node-routes.ts';
import { parseOptions, type ClusterOptions, type ParsedOptions } from './options.ts';
import { startPodTraffic } from './pod-traffic.ts';
import { startServiceProxy } from './service-network.ts';
import { readSettings, writeSettings, type Settings } from './settings.ts';
import { refuseSecond } from './start-cluster.ts';
import { tearDown } from './tear-down.ts';
import { UserError } from './user-error.ts';
import { userAgentOf, version } from './version.ts';

/** The options of a whole cluster that concern a node. */
type OfNode = keyof AgentOptions | 'nodeName' | 'nodeIp' | 'runtime' | 'runtimeEndpoint' | 'proxyMode' | 'logLevel' | 'onProgress';

export interface JoinOptions extends Pick<ClusterOptions, OfNode> {
  readonly dataDir: string;
  /** `https://192.0.2.1:6443` */
  readonly server: string;
  /** Needed the first time, and when the node's certificate has run out. */
  readonly token?: string;
  /** Of the cluster's authority, as `peapod token create` shows it: `sha256:…` */
  readonly caHash?: string;
}

export interface JoinedNode {
  readonly nodeName: string;
  readonly dataDir: string;
  /** Resolves with the reason when a part broke; then `stop` it. */
  readonly failed: Promise<Error>;
  /** Ends our work and leaves the containers running; a later start finds them. */
  stop(): Promise<void>;
  /** Ends the containers too, and removes what the node put on this machine. Its Node object stays, and becomes NotReady. */
  down(): Promise<void>;
}

const kubeletPort = 10250;
/** So long the first serving certificate is waited for: it is approved at once, unless its addresses are somebody else's too. */
const servingMs = 30_000;

/** Resolves once the node is Ready. Throws UserError for what the caller can mend. */
export async function joinCluster(options: JoinOptions): Promise<JoinedNode> {
  const parsed = parseOptions(options, options.dataDir);
  const server = serverOf(options.server);
  const token = tokenOf(options.token);
  if (options.caHash !== undefined && !/^sha256:[0-9a-f]{64}$/.test(options.caHash)) throw new UserError(`${options.caHash} is no hash of an authority`, 'give it as `peapod token create` shows it: sha256:…');
  const layout = layoutOf(parsed.dataDir);
  const [clock, random] = [systemClock, systemRandom];
  mkdirSync(layout.dataDir, { recursive: true, mode: 0o700 });
  refuseSecond(layout.instance, layout.dataDir);
  const kept = settingsOfNode(layout, server, parsed);

  const log = openLog(layout.log, parsed.logLevel, clock);
  const crew = new Crew(log);
  crew.atEnd('instance', async () => removeInstance(layout.instance));
  const progress = parsed.onProgress ?? (() => {});
  const { signal } = new AbortController();
  try {
    const identity = new NodeIdentity(layout.pki);
    const nodeName = kept?.nodeName ?? parsed.nodeName;
    const ca = await authorityOf(identity, { server, token, caHash: options.caHash }, clock, signal);
    const pair = await certificateOf(identity, { server, ca, token, nodeName, clock, random }, signal);
    const calls = new HttpCalls();
    const transport = new HttpTransport({ server, ca, ...pair, userAgent: userAgentOf('kubelet'), answered: calls.count, clock, random });
    crew.atEnd('connection to the API server', async () => transport.close());
    const client = new Client(transport);
    // What concerns all nodes and Pods is done under the name of that work.
    const networkTransport = new HttpTransport({ server, ca, ...pair, impersonate: identities.proxy.username, userAgent: userAgentOf('kube-proxy'), clock, random });
    crew.atEnd('connection to the API server for the network', async () => networkTransport.close());
    const networkClient = new Client(networkTransport);
    const address = parsed.nodeIp ?? (await addressTowards(server, signal)) ?? kept?.joined?.address;
    if (!address) throw new UserError(`the API server at ${server} cannot be reached`, 'check the address, and that the cluster is up');
    progress({ step: 'joined', server, node: nodeName });

    const settings: Settings = { ...(kept ?? (await newSettings({ client, server, nodeName, parsed, random, clock }, address, signal))) };
    writeSettings(layout.settings, { ...settings, joined: { ...settings.joined!, address } });
    const machine = await startMachine({ layout, settings, nodeAddress: address, proxyMode: parsed.proxyMode, crew, clock, log }, signal);
    progress({ step: 'runtime-ready', runtime: machine.runtimeName });

    const endpoint = await startNodeEndpoint({ host: address, port: kubeletPort, clientCa: ca, access: createNodeAccess(nodeName, client, clock), clock, log: log.named('endpoint') });
    crew.atEnd('endpoint', () => endpoint.close());
    const { dnsIP, domain } = settings.joined!;
    const beforeContainers = startPodTraffic({ layout, settings, machine, crew, clock, random, log }, networkClient);
    const agent = createAgent({ layout, settings, parsed, machine, beforeContainers, clock, random, log }, { client, addresses: [address], dns: { servers: [dnsIP], domain }, kubeletPort: endpoint.port, moreMetrics: (text) => calls.write(text) });
    endpoint.serve(agent.service);
    crew.run(agent);
    const serving = identity.read('node-serving');
    if (serving) endpoint.useCertificate(serving.cert, serving.key);
    const keeping = { client, clock, random, log: log.named('certificates') };
    const served = Promise.withResolvers<void>();
    if (serving) served.resolve();
    crew.run(createCertificateKeeper({
      ...keeping, name: 'node-serving', wanted: wantedServingCertificate(nodeName, address), present: serving,
      renewed(next) {
        identity.keep('node-serving', next);
        endpoint.useCertificate(next.cert, next.key);
        served.resolve();
      },
    }));
    crew.run(createCertificateKeeper({
      ...keeping, name: 'node-client', wanted: wantedClientCertificate(nodeName), present: pair,
      renewed(next) {
        identity.keep('node-client', next);
        writeOwnKubeconfig(layout, server, ca, next, nodeName);
        transport.useCertificate(next.cert, next.key);
        networkTransport.useCertificate(next.cert, next.key);
      },
    }));
    startNodeRoutes({ settings, nodeAddress: address, client: networkClient, machine, crew, clock, random, log });
    const proxy = startServiceProxy({ layout, settings, machine, crew, clock, random, log }, networkClient);
    writeOwnKubeconfig(layout, server, ca, pair, nodeName);
    writeInstance(layout.instance, {
      startedAt: formatTime(clock.wallMs()), version, apiServer: server, joined: true, kubeconfig: layout.nodeKubeconfig, runtimeEndpoint: machine.endpoint, nodeName,
      ...(settings.runtime ? { runtime: settings.runtime } : {}),
    });
    using _patience = clock.schedule(servingMs, () => {
      if (!endpoint.isServing) log.warn('nobody has approved the serving certificate: before that, logs, exec and port-forward do not reach this node');
      served.resolve();
    });
    await Promise.race([Promise.all([agent.ready, proxy.ready, served.promise]), crew.failed.then((error) => Promise.reject(error))]);
    progress({ step: 'node-ready', node: nodeName });
    const stop = async () => {
      await agent.shutDown(new AbortController().signal);
      await crew.stop();
    };
    return {
      nodeName,
      dataDir: layout.dataDir,
      failed: crew.failed,
      stop,
      async down() {
        await stop();
        await tearDown(layout, signal);
      },
    };
  } catch (error) {
    await crew.stop();
    throw error;
  }
}

function serverOf(text: string): string {
  const url = URL.parse(/^https?:\/\//.test(text) ? text : `https://${text}`);
  if (url?.protocol !== 'https:' || url.pathname !== '/') throw new UserError(`${text} is no address of an API server`, 'write it like https://192.0.2.1:6443');
  return url.origin;
}

function tokenOf(text: string | undefined): BootstrapToken | undefined {
  if (text === undefined) return undefined;
  const token = readBootstrapToken(text);
  // Without its text: it may be a token with a slip in it.
  if (!token) throw new UserError('that is no join token', 'it looks like abcdef.0123456789abcdef; make one on the cluster with: peapod token create');
  return token;
}

/** Of the last start. Throws UserError where it was something else's. */
function settingsOfNode(layout: Layout, server: string, parsed: ParsedOptions): Settings | undefined {
  const kept = readSettings(layout.settings);
  if (!kept) return undefined;
  if (!kept.joined) throw new UserError(`${layout.dataDir} is the directory of a whole cluster`, 'give another --data-dir');
  if (kept.joined.server !== server) throw new UserError(`the node in ${layout.dataDir} belongs to the cluster at ${kept.joined.server}, not ${server}`, 'give another --data-dir, or begin anew after: peapod down --purge');
  if (parsed.runtimeEndpoint !== undefined && parsed.runtimeEndpoint !== kept.runtimeEndpoint) throw new UserError(`this node's runtime endpoint is ${kept.runtimeEndpoint ?? 'its own'}, not ${parsed.runtimeEndpoint}`, 'leave the flag out, or begin anew after: peapod down --purge');
  return kept;
}

async function authorityOf(identity: NodeIdentity, { server, token, caHash }: { server: string; token: BootstrapToken | undefined; caHash: string | undefined }, clock: Clock, signal: AbortSignal): Promise<string> {
  const known = identity.authority;
  if (known) return known;
  if (!token) throw new UserError('a machine that is not a node yet needs a join token', newToken);
  const ca = await discoverAuthority({ server, token, caHash }, clock, signal);
  identity.keepAuthority(ca);
  return ca;
}

async function certificateOf(identity: NodeIdentity, first: Omit<Parameters<typeof firstCertificate>[0], 'token'> & { readonly token: BootstrapToken | undefined }, signal: AbortSignal) {
  const known = identity.read('node-client');
  if (known && !isExpired(known, first.clock)) return known;
  const { token } = first;
  if (!token) throw new UserError(known ? "the node's certificate has run out" : 'a machine that is not a node yet needs a join token', newToken);
  const pair = await firstCertificate({ ...first, token }, signal);
  identity.keep('node-client', pair);
  return pair;
}

interface Newcomer {
  readonly client: Client;
  readonly server: string;
  readonly nodeName: string;
  readonly parsed: ParsedOptions;
  readonly clock: Clock;
  readonly random: Random;
}

/** With the Pod range that the cluster gives. Throws UserError when this machine has something else there. */
async function newSettings(newcomer: Newcomer, address: string, signal: AbortSignal): Promise<Settings> {
  const { client, server, nodeName, parsed, random } = newcomer;
  const { data } = await client.get(configMaps, joinInfoKey, signal);
  const { podRange: clusterRange, serviceRange, dnsIP, domain } = data as unknown as JoinInfo;
  const machine = readMachineNetwork();
  for (const [whose, range] of [['Pods', clusterRange], ['Services', serviceRange]] as const) {
    const other = machine.ranges.find((one) => !one.startsWith('0.') && overlap(parseRange(one)!, parseRange(range)!));
    if (other) throw new UserError(`this machine already uses ${other}, and the cluster's ${whose} have ${range}`, 'begin the cluster with other ranges (--pod-range, --service-range), or join from another network namespace');
  }
  const podRange = await podRangeOf(newcomer, signal);
  const id = random.uuid().slice(0, 6);
  return {
    // Links that are only to be seen beyond this network namespace are left alone too: by their names more is shared than links.
    id, nodeName, bridge: freeBridge([...machine.links, ...readdirSync('/sys/class/net')]), podRange, clusterRange, serviceRange, cgroupParent: `/peapod-${id}`,
    ...(parsed.runtime === 'docker' ? { runtime: 'docker' as const } : {}), ...(parsed.runtimeEndpoint ? { runtimeEndpoint: parsed.runtimeEndpoint } : {}),
    joined: { server, dnsIP, domain, address },
  };
}

const rangeMs = 20_000;

/** Registers the Node, and waits for the range that it is given. */
async function podRangeOf({ client, nodeName: name, clock }: Newcomer, signal: AbortSignal): Promise<string> {
  const giveUp = new AbortController();
  using _timer = clock.schedule(rangeMs, () => giveUp.abort());
  const either = AbortSignal.any([signal, giveUp.signal]);
  const key = { namespace: '', name };
  try {
    await client.create(nodes, { metadata: { name, labels: { 'kubernetes.io/hostname': name } }, spec: {} } as New<Node>, either).catch((error: unknown) => {
      if (!isReason(error, 'AlreadyExists')) throw error;
    });
    for (;;) {
      const node = await client.get(nodes, key, either);
      if (node.spec.podCIDR) return node.spec.podCIDR;
      for await (const event of client.watch(nodes, { fieldSelector: `metadata.name=${name}`, resourceVersion: node.metadata.resourceVersion }, either)) {
        if ((event.type === 'ADDED' || event.type === 'MODIFIED') && event.object.spec.podCIDR) return event.object.spec.podCIDR;
      }
      either.throwIfAborted();
    }
  } catch (error) {
    if (!giveUp.signal.aborted) throw error;
    throw new UserError('the cluster has no Pod range left for this node', 'begin the cluster with a larger --pod-range, or delete nodes that are gone: kubectl delete node NAME');
  }
}

/** For `peapod status` and for whoever works on the node: what it may do. */
function writeOwnKubeconfig(layout: Layout, server: string, ca: string, { cert, key }: { cert: string; key: string }, nodeName: string): void {
  writeFileSync(layout.nodeKubeconfig, buildKubeconfig({ server, authorityPem: ca, clientCertPem: cert, clientKeyPem: key, clusterName: 'peapod', userName: nodeName }), { mode: 0o600 });
}
