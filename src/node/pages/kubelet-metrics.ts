// /metrics and /metrics/probes: how the node agent itself does, under the kubelet's names.
import { MetricsText } from '../../base/metrics-text.ts';
import { writeProcessMetrics } from '../../base/process-metrics.ts';
import { writeBuildInfo } from '../../api/version-info.ts';
import type { Pods } from '../pods.ts';

export function kubeletMetrics(nodeName: string, version: string, pods: Pods, more?: (text: MetricsText) => void): string {
  const text = new MetricsText();
  const workers = [...pods.all];
  const byState = new Map<string, number>();
  for (const { seen } of workers) for (const { state } of seen.containers) byState.set(state, (byState.get(state) ?? 0) + 1);
  text.one('kubelet_node_name', 'gauge', "[ALPHA] The node's name. The count is always 1.", 1, { node: nodeName });
  text.one('kubelet_running_pods', 'gauge', '[BETA] Number of pods that have a running pod sandbox', workers.filter(({ seen }) => seen.sandboxes.some(({ ready }) => ready)).length);
  const containers = text.family('kubelet_running_containers', 'gauge', '[ALPHA] Number of containers currently running');
  for (const [state, count] of byState) containers({ container_state: state }, count);
  const working = text.family('kubelet_working_pods', 'gauge', '[ALPHA] Number of pods the kubelet is actually running, broken down by lifecycle phase');
  for (const [phase, of] of Map.groupBy(workers, ({ phase }) => phase)) working({ lifecycle: phase === 'syncing' ? 'sync' : phase === 'terminated' ? 'terminated' : 'terminating' }, of.length);
  writeBuildInfo(text, version);
  more?.(text);
  writeProcessMetrics(text);
  return text.toString();
}

const results = { success: 'successful', failure: 'failed', unknown: 'unknown' } as const;
const types = { startup: 'Startup', liveness: 'Liveness', readiness: 'Readiness' } as const;

export function probeMetrics(pods: Pods): string {
  const text = new MetricsText();
  const total = text.family('prober_probe_total', 'counter', '[BETA] Cumulative number of a liveness, readiness or startup probe for a container by result.');
  for (const { pod, probeCounts } of pods.all) {
    const { name, namespace = '', uid } = pod.metadata;
    for (const { container, counts } of probeCounts) {
      for (const kind of ['startup', 'liveness', 'readiness'] as const) {
        for (const outcome of ['success', 'failure', 'unknown'] as const) {
          const count = counts[kind][outcome];
          if (count > 0) total({ container, namespace, pod: name, pod_uid: uid, probe_type: types[kind], result: results[outcome] }, count);
        }
      }
    }
  }
  return text.toString();
}
