// One whole cluster in this process: the order in which its parts start, and stop.
//
//   settings ─► store ─► API server ─► bootstrap ─► controllers, scheduler ─┐
//          └──► Pod network, containerd, images ─► runtime ─────────────────┴─► node agent ─► node Ready
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatTime, systemClock } from '../base/clock.ts';
import { systemRandom } from '../base/random.ts';
import { Client } from '../client/client.ts';
import type { Transport } from '../api/request.ts';
import { startControlPlane } from './control-plane.ts';
import { Crew } from './crew.ts';
import { removeInstance, runningInstance, writeInstance } from './instance.ts';
import { layoutOf } from './layout.ts';
import { openLog } from './log-file.ts';
import { nodeAddress } from './machine-address.ts';
import { startMachine } from './machine.ts';
import { startNode } from './node.ts';
import { parseOptions, type ClusterOptions } from './options.ts';
import { identities } from '../server/auth/authorize.ts';
import { startNodeRoutes } from './node-routes.ts';
import { startPodTraffic } from './pod-traffic.ts';
import { startServiceNetwork } from './service-network.ts';
import { settle } from './settings.ts';
import { chooseNetwork, nameNetwork } from './network-choice.ts';
import { startSimulatedNodes } from './simulated-nodes.ts';
import { tearDown } from './tear-down.ts';
import { UserError } from './user-error.ts';
import { version } from './version.ts';

export interface Cluster extends AsyncDisposable {
  /** The whole API, as an administrator, without a network between. */
  readonly client: Client;
  readonly transport: Transport;
  /** `https://127.0.0.1:6443` */
  readonly server: string;
  /** Path of the admin's kubeconfig. */
  readonly kubeconfig: string;
  readonly dataDir: string;
  readonly nodeName: string;
  /** Resolves with the reason when a part of the cluster broke; then `stop` it. */
  readonly failed: Promise<Error>;
  /** Ends our work and leaves the containers running; a later start on the same data directory finds them. */
  stop(): Promise<void>;
  /** Ends the containers too, and removes what the cluster put on this machine; its data stays. */
  down(): Promise<void>;
}

/**
 * Resolves once the node is Ready. Needs root, Linux and what `peapod doctor` asks for. Disposing stops the cluster; one without
 * a data directory of its own is ended whole, with its data. Throws UserError for what the caller can mend.
 */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const ownDataDir = options.dataDir === undefined ? mkdtempSync(join(tmpdir(), 'peapod-')) : undefined;
  const parsed = parseOptions(options, options.dataDir ?? ownDataDir!);
  const layout = layoutOf(parsed.dataDir);
  const [clock, random] = [systemClock, systemRandom];
  mkdirSync(layout.dataDir, { recursive: true, mode: 0o700 });
  refuseSecond(layout.instance, layout.dataDir);

  const log = openLog(layout.log, parsed.logLevel, clock);
  const crew = new Crew(log);
  // First, so that it is the last to go: `down` waits for it.
  crew.atEnd('instance', async () => removeInstance(layout.instance));
  const progress = parsed.onProgress ?? (() => {});
  try {
    const settings = settle(layout.settings, parsed, random, () => (parsed.node ? chooseNetwork(parsed) : nameNetwork(parsed)));
    const giveUp = new AbortController();
    // The runtime is started beside the API, and waited for when the node needs it.
    const machineStarting = parsed.node ? startMachine({ layout, settings, nodeAddress: nodeAddress(parsed), proxyMode: parsed.proxyMode, crew, clock, log }, giveUp.signal) : undefined;
    const plane = await startControlPlane({ layout, settings, parsed, crew, clock, random, log }, giveUp.signal).catch(async (error: unknown) => {
      giveUp.abort(error);
      await machineStarting?.catch(() => {});
      throw error;
    });
    progress({ step: 'api-ready', server: plane.server });

    const machine = await machineStarting;
    if (machine) progress({ step: 'runtime-ready', runtime: machine.runtimeName });
    const opened = machine && Promise.all([plane.openToPods(), startServiceNetwork({ layout, settings, parsed, plane, machine, crew, clock, random, log }, giveUp.signal)]);
    const beforeContainers = machine && startPodTraffic({ layout, settings, machine, crew, clock, random, log }, new Client(plane.transport(identities.proxy)));
    const node = machine && startNode({ layout, settings, parsed, plane, machine, beforeContainers: beforeContainers!, crew, clock, random, log });
    if (machine) startNodeRoutes({ settings, nodeAddress: nodeAddress(parsed), client: new Client(plane.transport(identities.proxy)), machine, crew, clock, random, log });
    writeInstance(layout.instance, {
      startedAt: formatTime(clock.wallMs()), version, apiServer: plane.server, ...(plane.joinServer ? { joinServer: plane.joinServer } : {}), kubeconfig: plane.kubeconfig, runtimeEndpoint: machine?.endpoint ?? '', nodeName: settings.nodeName,
      ...(settings.runtime ? { runtime: settings.runtime } : {}),
    });
    const simulated = startSimulatedNodes(parsed.simulatedNodes, { plane, crew, clock, random, log: log.named('simulated') });
    await Promise.race([Promise.all([node?.ready, opened, simulated]), crew.failed.then((error) => Promise.reject(error))]);
    if (node) progress({ step: 'node-ready', node: settings.nodeName });
    if (parsed.simulatedNodes > 0) progress({ step: 'simulated-ready', count: parsed.simulatedNodes });

    const stop = async () => {
      await node?.shutDown(new AbortController().signal);
      await crew.stop();
    };
    const down = async () => {
      await stop();
      await tearDown(layout, new AbortController().signal);
    };
    return {
      client: new Client(plane.adminTransport),
      transport: plane.adminTransport,
      server: plane.server,
      kubeconfig: plane.kubeconfig,
      dataDir: layout.dataDir,
      nodeName: settings.nodeName,
      failed: crew.failed,
      stop,
      down,
      async [Symbol.asyncDispose]() {
        if (!ownDataDir) return stop();
        await down();
        rmSync(ownDataDir, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await crew.stop();
    if (ownDataDir) {
      // Nobody could find it again.
      await tearDown(layout, new AbortController().signal).catch((cause: unknown) => log.warn('what a cluster that did not start has made may be left', { error: cause }));
      rmSync(ownDataDir, { recursive: true, force: true });
    }
    throw error;
  }
}

export function refuseSecond(instanceFile: string, dataDir: string): void {
  const running = runningInstance(instanceFile);
  if (running) throw new UserError(`a ${running.joined ? 'node' : 'cluster'} already runs on ${dataDir} (process ${running.pid}, ${running.apiServer})`, 'end it with: peapod down, or give another data directory');
}
