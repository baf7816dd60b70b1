// The engine's network of a cluster: it joins Pods to the cluster's own bridge.
import { query, unlessGone, type DockerConnection } from './connection.ts';
import { ownerLabel } from '../cri/labels.ts';

export interface EngineNetwork {
  readonly name: string;
  /** A bridge that is there already is used as it is, and left when the network goes; else the engine makes it. */
  readonly bridge: string;
  readonly podRange: string;
  readonly gateway: string;
  readonly owner: string;
}

/** Makes it where it is missing, and anew where it is another's of this name. */
export async function ensureNetwork(docker: DockerConnection, network: EngineNetwork, signal: AbortSignal): Promise<void> {
  const { name, bridge, podRange, gateway, owner } = network;
  const found = await findNetwork(docker, name, signal);
  if (found?.IPAM.Config?.[0]?.Subnet === podRange && found.Options?.['com.docker.network.bridge.name'] === bridge) return;
  if (found) await removeNetwork(docker, name, signal);
  await docker.call('POST', '/networks/create', {
    Name: name, CheckDuplicate: true, Driver: 'bridge', Labels: { [ownerLabel]: owner },
    IPAM: { Driver: 'default', Config: [{ Subnet: podRange, Gateway: gateway }] },
    // What leaves the machine is masqueraded by the cluster's own rule.
    Options: { 'com.docker.network.bridge.name': bridge, 'com.docker.network.bridge.enable_ip_masquerade': 'false', 'com.docker.network.bridge.enable_icc': 'true' },
  }, signal);
}

export async function removeNetwork(docker: DockerConnection, name: string, signal: AbortSignal): Promise<void> {
  await unlessGone(docker.call('DELETE', `/networks/${name}`, undefined, signal));
}

export async function hasNetwork(docker: DockerConnection, name: string, signal: AbortSignal): Promise<boolean> {
  return (await findNetwork(docker, name, signal)) !== undefined;
}

interface FoundNetwork {
  readonly Name: string;
  readonly IPAM: { readonly Config?: readonly { readonly Subnet: string }[] | null };
  readonly Options?: Readonly<Record<string, string>> | null;
}

async function findNetwork(docker: DockerConnection, name: string, signal: AbortSignal): Promise<FoundNetwork | undefined> {
  const all = await docker.call<FoundNetwork[]>('GET', `/networks${query({ filters: { name: [name] } })}`, undefined, signal);
  return all.find((network) => network.Name === name);
}

/** Why this engine cannot run Pods; undefined when it can. */
export async function whyUnfit(docker: DockerConnection, signal: AbortSignal): Promise<string | undefined> {
  const { CgroupDriver, OSType } = await docker.call<{ CgroupDriver: string; OSType: string }>('GET', '/info', undefined, signal);
  if (OSType !== 'linux') return `it runs ${OSType} containers`;
  return CgroupDriver === 'cgroupfs' ? undefined : `its cgroup driver is ${CgroupDriver}`;
}
