// Takes sandboxes that are no more out of the Pod network, as containerd would have: by the plugins of the CNI configuration, in
// the reverse order. They give back addresses, and the rules of host ports.
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface CniPlaces {
  /** Holds the configuration; containerd takes the first. */
  readonly confDir: string;
  readonly binDir: string;
}

interface Plugin {
  readonly type: string;
  readonly capabilities?: { readonly portMappings?: boolean };
}

/** The plugin for host ports does nothing unless there are some, and then looks only for its sandbox' chain. */
const anyPort = [{ hostPort: 1, containerPort: 1, protocol: 'tcp' }];

/** Never rejects: what a plugin cannot undo is left. */
export async function leaveNetworks(ids: readonly string[], { confDir, binDir }: CniPlaces): Promise<void> {
  if (ids.length === 0) return;
  const { name, cniVersion, plugins } = configurationIn(confDir);
  for (const id of ids) {
    const environment = { ...process.env, CNI_COMMAND: 'DEL', CNI_CONTAINERID: id, CNI_NETNS: '', CNI_IFNAME: 'eth0', CNI_PATH: binDir };
    for (const plugin of plugins.toReversed()) {
      const runtimeConfig = plugin.capabilities?.portMappings ? { portMappings: anyPort } : undefined;
      await runPlugin(join(binDir, plugin.type), { ...plugin, name, cniVersion, runtimeConfig }, environment);
    }
  }
}

function configurationIn(confDir: string): { name: string; cniVersion: string; plugins: readonly Plugin[] } {
  try {
    const [first = ''] = readdirSync(confDir).filter((file) => file.endsWith('.conflist')).sort();
    return JSON.parse(readFileSync(join(confDir, first), 'utf8'));
  } catch {
    // There is none yet, and so no plugin has done anything.
    return { name: '', cniVersion: '', plugins: [] };
  }
}

function runPlugin(program: string, configuration: object, environment: NodeJS.ProcessEnv): Promise<void> {
  return new Promise((resolve) => {
    const child = spawn(program, { env: environment, stdio: ['pipe', 'ignore', 'ignore'] });
    child.once('error', () => resolve()).once('close', () => resolve());
    child.stdin.on('error', () => {}).end(JSON.stringify(configuration));
  });
}
