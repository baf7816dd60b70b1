// Makes a Pod's sandbox: log directory and cgroup first, then the runtime's part.
import { join } from 'node:path';
import { podBandwidth } from '../../api/kinds/pod/bandwidth.ts';
import { runtimeClasses } from '../../api/kinds/runtime-class.ts';
import type { Pod } from '../../api/types.ts';
import type { Cgroups } from '../cgroups/cgroups.ts';
import type { NodeWorld } from '../node-settings.ts';
import { dnsOf, fittingDns } from '../spec/names.ts';
import { sandboxSpec } from '../spec/sandbox-spec.ts';

export async function startSandbox(world: NodeWorld, cgroups: Cgroups, pod: Pod, attempt: number, signal: AbortSignal): Promise<string> {
  const logDirectory = logDirectoryOf(world, pod);
  await world.files.makeLogDirectory(logDirectory);
  if (pod.spec.hostUsers === false) throw new Error("can't set spec.hostUsers: false: the container runtime does not support user namespaces");
  // Said here as by every runtime, whoever sets the limits.
  if (!pod.spec.hostNetwork) podBandwidth(pod);
  const dns = world.files.dns();
  for (const words of fittingDns(dnsOf(pod, world.dns, dns)).omitted) world.events.event({ apiVersion: 'v1', kind: 'Pod', metadata: pod.metadata }, 'Warning', 'DNSConfigForming', words);
  const spec = sandboxSpec(pod, {
    attempt,
    handler: await handlerOf(world, pod, signal),
    logDirectory,
    cgroupParent: cgroups.prepare(pod),
    clusterDns: world.dns,
    nodeDns: dns,
    nodeHostname: world.machine.hostname,
    seccompRoot: world.dirs.seccomp,
  });
  return world.runtime.startSandbox(spec, signal);
}

/** By which runtime the Pod's class wants it run. Throws when the class is gone meanwhile. */
async function handlerOf({ client }: NodeWorld, { spec }: Pod, signal: AbortSignal): Promise<string | undefined> {
  if (!spec.runtimeClassName) return undefined;
  const { handler } = await client.get(runtimeClasses, { namespace: '', name: spec.runtimeClassName }, signal);
  return handler;
}

export function logDirectoryOf({ dirs }: Pick<NodeWorld, 'dirs'>, pod: { metadata: { namespace?: string; name: string; uid: string } }): string {
  return join(dirs.logs, `${pod.metadata.namespace}_${pod.metadata.name}_${pod.metadata.uid}`);
}
