// Files that the node itself puts into a container: /etc/hosts and the place for its termination message.
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Random } from '../../base/random.ts';
import type { Pod } from '../../api/types.ts';
import type { Mount } from '../../runtime/runtime.ts';
import type { PodContainer } from '../pod/containers.ts';
import { hostNetworkHostsFile, hostsFile } from '../spec/names.ts';

/** Undefined when the container brings its own /etc/hosts. */
export async function hostsMount(podDir: string, pod: Pod, container: PodContainer, podIPs: readonly string[], domain: string): Promise<Mount | undefined> {
  if (container.spec.volumeMounts?.some(({ mountPath }) => mountPath === '/etc/hosts')) return undefined;
  const hostPath = join(podDir, 'etc-hosts');
  const text = pod.spec.hostNetwork ? hostNetworkHostsFile(pod, await readFile('/etc/hosts', 'utf8')) : hostsFile(pod, podIPs, domain);
  await mkdir(podDir, { recursive: true, mode: 0o750 });
  await writeFile(hostPath, text, { mode: 0o644 });
  return { hostPath, containerPath: '/etc/hosts', readOnly: container.spec.securityContext?.readOnlyRootFilesystem ?? false, propagation: 'None' };
}

/** An empty file of its own for each start of a container; any user may write it. */
export async function terminationFile(podDir: string, container: PodContainer, random: Random): Promise<string> {
  const directory = join(podDir, 'containers', container.name);
  await mkdir(directory, { recursive: true, mode: 0o750 });
  const path = join(directory, random.uuid().slice(0, 8));
  await writeFile(path, '');
  await chmod(path, 0o666);
  return path;
}
