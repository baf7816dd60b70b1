// Starts a test cluster: store, API server, controllers, scheduler, nodes; it is there once every node is Ready.
import { channel } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import { Client } from '../client/client.ts';
import type { InformerDeps } from '../client/create-informer.ts';
import { createSharedInformers } from '../client/shared-informers.ts';
import { nodes as nodeResource } from '../api/kinds/node.ts';
import { isTrue } from '../api/meta.ts';
import type { ApiRequest } from '../api/request.ts';
import { systemClock, type Clock } from '../base/clock.ts';
import { createLog, silentLog } from '../base/log.ts';
import type { Runnable } from '../base/runnable.ts';
import { bootstrap } from '../cluster/bootstrap.ts';
import { kubernetesService } from '../cluster/own-services.ts';
import { checkNode, createSimulatedAgent, createSimulatedMachine, type SimulatedNodeSpec } from '../cluster/simulated-node.ts';
import { UserError } from '../cluster/user-error.ts';
import { createControllers } from '../controllers/create-controllers.ts';
import { createOwnServiceController, type OwnService } from '../controllers/own-service/own-service.ts';
import type { NodeAgent } from '../node/agent.ts';
import { createScheduler } from '../scheduler/scheduler.ts';
import { identities } from '../server/auth/authorize.ts';
import { createMemoryStore } from '../store/memory/memory-store.ts';
import { ApiComponent, serviceRange, type Identity } from './api-component.ts';
import { ComponentTransport, type Wire } from './component-transport.ts';
import { Component } from './component.ts';
import { countedStore } from './counted-store.ts';
import { Faults } from './faults.ts';
import { Gate, gatedRuntime } from './gate.ts';
import { History } from './history.ts';
import { begun, callerStack } from './leaks.ts';
import { parseTestOptions, type TestClusterOptions } from './options.ts';
import { randomFor, signingKeyFor } from './random.ts';
import { RestGuard } from './rest-guard.ts';
import { TestCluster } from './test-cluster.ts';
import { TestNode } from './test-node.ts';
import { VirtualTime } from './virtual-time.ts';

/** Where Pods would find the API, if there were any that look. */
const controlPlaneIP = '172.31.255.1';

/** Resolves once every node is Ready. Throws UserError, whose message begins with the field's path, for what makes no sense. */
export async function startTestCluster(options: TestClusterOptions = {}): Promise<TestCluster> {
  const where = callerStack();
  const parsed = parseTestOptions(options);
  const { seed, images } = parsed;
  const store = countedStore(parsed.store === 'memory' ? createMemoryStore() : parsed.store);
  const reads: ApiRequest[] = [];
  let guard: RestGuard;
  const connections = parsed.https ? watchConnections(() => api.port) : undefined;
  const time = parsed.clock === 'virtual' ? new VirtualTime({ epochMs: parsed.epochMs, owed: () => store.owed, activity: connections?.count, guard: () => guard }) : undefined;
  const clock: Clock = time?.clock ?? systemClock;
  guard = new RestGuard(clock, parsed.clock === 'virtual' ? parsed.limits : noLimits);
  const log = parsed.onLog ? createLog({ clock, level: parsed.logLevel, write: parsed.onLog }) : silentLog;
  const history = await History.follow(store, clock, never);
  const testNodes: TestNode[] = [];
  const byName = new Map<string, TestNode>();
  const identity = parsed.https ? await createIdentity() : undefined;
  const api = new ApiComponent({
    store, clock, log: log.named('api'), random: randomFor(seed, 'api'), freeze: parsed.freeze, signingKeyPem: signingKeyFor(seed), identity,
    nodes: (name) => byName.get(name)?.service,
  });
  const faults = new Faults(randomFor(seed, 'faults'));
  const wire: Wire = { server: () => api.served, faults, guard, clock };
  const components = new Map<string, Component>();
  const add = <Part extends Runnable>(component: Component<Part>) => {
    components.set(component.name, component as unknown as Component);
    return component;
  };
  const clientFor = (who: string, more: Partial<Wire> = {}) => new Client(new ComponentTransport(who, identities.apiServer, new Gate(), { ...wire, ...more }));
  const client = clientFor('test', { onRead: (request) => void (request.verb === 'get' || request.verb === 'list' ? reads.length < mostReads && reads.push(request) : 0) });

  await api.start(never);
  const kubernetes = kubernetesService(serviceRange, { ip: controlPlaneIP, port: identity ? api.port : 6443 });
  await bootstrap(client, kubernetes, never);
  if (parsed.controllers) {
    add(new Component({
      name: 'controllers', user: identities.controllerManager, wire,
      create: (world) => createControllers({ ...world, random: randomFor(seed, 'controllers'), log: log.named('controllers'), rootCa: identity?.authorityPem ?? '', nodeLifecycle: parsed.nodeLifecycle, terminatedPodGcThreshold: parsed.terminatedPodGcThreshold }),
    })).start();
    add(new Component({ name: 'kubernetes-service', user: identities.apiServer, wire, create: (world) => keepService(kubernetes, { ...world, random: randomFor(seed, 'kubernetes-service'), log: log.named('kubernetes-service') }) })).start();
  }
  if (parsed.scheduler) {
    add(new Component({
      name: 'scheduler', user: identities.scheduler, wire,
      create: (world) => createScheduler({ ...world, random: randomFor(seed, 'scheduler'), log: log.named('scheduler') }),
    })).start();
  }

  const makeNode = (spec: SimulatedNodeSpec): TestNode => {
    checkNode(spec, 'node');
    if (byName.has(spec.name)) throw new UserError(`node.name: Duplicate value: ${JSON.stringify(spec.name)}`, 'give it another name');
    const index = testNodes.length;
    const machine = createSimulatedMachine(spec, index, clock, images);
    const name = `node/${spec.name}`;
    const agent = add(new Component<NodeAgent>({
      name, user: identities.node(spec.name), wire,
      create: ({ gate, ...world }) => createSimulatedAgent(spec, index, machine, { ...world, random: randomFor(seed, name), log: log.named(name), around: (runtime) => gatedRuntime(runtime, gate) }),
    }));
    const node = new TestNode(spec, machine, agent);
    testNodes.push(node);
    byName.set(spec.name, node);
    return node;
  };
  const close = async () => {
    connections?.stop();
    await api.crash();
    await store.close();
  };
  const cluster = new TestCluster({ client, clock, time, api, components, nodes: testNodes, history, faults, reads, makeNode, close });
  begun(cluster, where);
  try {
    for (const spec of parsed.nodes) makeNode(spec).start();
    await cluster.runUntil(async () => (await client.list(nodeResource, {}, never)).items.filter(({ status }) => isTrue(status.conditions as never, 'Ready')).length >= parsed.nodes.length, { what: 'all nodes are Ready', withinMs: readyWithinMs });
    return cluster;
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

const never = new AbortController().signal;
const noLimits = { calls: Infinity, namelessCalls: Infinity, timers: Infinity };
const readyWithinMs = 60_000;
const clientChannels = ['http.client.request.start', 'http.client.response.finish', 'undici:request:create', 'undici:request:trailers'] as const;
/** What a condition reads beyond this is not told of when it fails. */
const mostReads = 200;

function keepService(service: OwnService, deps: InformerDeps & { readonly client: Client }): Runnable {
  const informers = createSharedInformers(deps);
  const controller = createOwnServiceController(service, { ...deps, informers });
  return { name: controller.name, run: async (signal) => void (await Promise.all([informers.run(signal), controller.run(signal)])) };
}

/** Certificates are for tools outside, whose time is real. */
async function createIdentity(): Promise<Identity> {
  const { createAuthority, issueCertificate } = await import('../server/auth/certificates.ts');
  const authority = await createAuthority('peapod-test', systemClock);
  const [server, admin] = await Promise.all([
    issueCertificate(authority, { commonName: 'kube-apiserver', dnsNames: ['localhost'], ipAddresses: ['127.0.0.1'], days: 7, usages: ['server'] }, systemClock),
    issueCertificate(authority, { commonName: 'kubernetes-admin', organizations: ['system:masters'], days: 7, usages: ['client'] }, systemClock),
  ]);
  return { authorityPem: authority.certPem, key: server.keyPem, cert: server.certPem, adminKey: admin.keyPem, adminCert: admin.certPem };
}

/** The bytes that have come and gone on the connections to the API, and the requests of clients in this process, so that virtual time can wait for whoever acts on them. */
function watchConnections(port: () => number): { readonly count: () => number; readonly stop: () => void } {
  const sockets = new Set<Socket>();
  const note = (message: unknown) => {
    const { socket } = message as { socket: Socket };
    if (socket.localPort !== port()) return;
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  };
  let requests = 0;
  const noteRequest = () => void requests++;
  const opened = channel('net.server.socket');
  opened.subscribe(note);
  for (const name of clientChannels) channel(name).subscribe(noteRequest);
  return {
    count: () => [...sockets].reduce((sum, socket) => sum + socket.bytesRead + socket.bytesWritten, sockets.size + requests),
    stop() {
      opened.unsubscribe(note);
      for (const name of clientChannels) channel(name).unsubscribe(noteRequest);
    },
  };
}
