// `peapod status`: whether the cluster is up, and where.
import { nodes as nodeKind } from '../../api/kinds/node.ts';
import { layoutOf } from '../../cluster/layout.ts';
import { runningInstance } from '../../cluster/instance.ts';
import { clientFor } from '../../cluster/client-for.ts';
import { kubernetesVersion, version } from '../../cluster/version.ts';
import { describe } from '../../base/log.ts';

/** The exit code: 0 when the cluster is up and its API answers, else 1. */
export async function runStatus(flags: { dataDir: string; output: 'text' | 'json' }): Promise<number> {
  const layout = layoutOf(flags.dataDir);
  const running = runningInstance(layout.instance);
  const base = { dataDir: layout.dataDir, versions: { peapod: running?.version ?? version, kubernetes: kubernetesVersion.gitVersion } };
  if (!running) {
    print(flags.output, { running: false, ...base }, [`no cluster runs on ${layout.dataDir}`]);
    return 1;
  }
  const found = { running: true, pid: running.pid, startedAt: running.startedAt, apiServer: running.apiServer, kubeconfig: running.kubeconfig, nodeName: running.nodeName, ...(running.joined ? { joined: true } : {}), ...(running.joinServer ? { joinServer: running.joinServer } : {}), runtimeEndpoint: running.runtimeEndpoint, ...base };
  try {
    const nodes = await nodesOf(running.kubeconfig);
    print(flags.output, { ...found, nodes }, [
      `API server  ${found.apiServer}`,
      ...(running.joined ? [`this node   ${running.nodeName}`] : running.joinServer ? [`for others  ${running.joinServer}`] : []),
      `kubeconfig  ${found.kubeconfig}`,
      `runtime     ${found.runtimeEndpoint}`,
      `data        ${found.dataDir}`,
      `process     ${found.pid}, since ${found.startedAt}`,
      `versions    peapod ${found.versions.peapod}, Kubernetes ${found.versions.kubernetes}`,
      ...nodes.map((node) => `node        ${node.name} ${node.ready ? 'Ready' : 'NotReady'} ${node.runtime}`),
    ]);
    return 0;
  } catch (error) {
    print(flags.output, { ...found, nodes: [], error: describe(error) }, [`process ${running.pid} runs, but its API does not answer: ${describe(error)}`]);
    return 1;
  }
}

async function nodesOf(kubeconfig: string) {
  await using connection = clientFor(kubeconfig);
  const { items } = await connection.client.list(nodeKind, {}, AbortSignal.timeout(5000));
  return items.map((node) => ({
    name: node.metadata.name,
    ready: (node.status.conditions ?? []).some((condition) => condition.type === 'Ready' && condition.status === 'True'),
    runtime: node.status.nodeInfo?.containerRuntimeVersion ?? '',
  }));
}

function print(output: 'text' | 'json', whole: object, lines: readonly string[]): void {
  process.stdout.write(output === 'json' ? `${JSON.stringify(whole, null, 2)}\n` : `${lines.join('\n')}\n`);
}
