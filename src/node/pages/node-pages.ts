// What a kubelet serves over HTTP beside the streams, page by page; here its callers come through the API server's proxy.
import { ApiError } from '../../api/error.ts';
import type { NodePage, NodeService } from '../../api/node-service.ts';
import { metricsTextType, type MetricsText } from '../../base/metrics-text.ts';
import type { NodeWorld } from '../node-settings.ts';
import type { Pods } from '../pods.ts';
import type { Sampler } from '../stats/sampler.ts';
import { summaryOf } from '../stats/summary.ts';
import { logPage } from './log-files.ts';

export interface PagesDeps {
  readonly world: NodeWorld;
  readonly version: string;
  readonly pods: Pods;
  readonly sampler: Sampler;
  /** What the agent was told at its start, as a KubeletConfiguration. */
  readonly configuration: object;
  readonly moreMetrics?: (text: MetricsText) => void;
}

export function createNodePages({ world, version, pods, sampler, configuration, moreMetrics }: PagesDeps): NodeService['page'] {
  const { name, dirs, machine } = world;
  return async (path, query, signal) => {
    switch (path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path) {
      case '/healthz':
      case '/healthz/ping':
      case '/healthz/log':
      case '/healthz/syncloop':
        return text('ok');
      case '/configz':
        return json({ kubeletconfig: configuration });
      case '/pods':
      case '/runningpods': {
        const items = [...pods.all].filter(({ seen }) => !path.startsWith('/runningpods') || seen.sandboxes.some(({ ready }) => ready)).map(({ pod }) => pod);
        return json({ kind: 'PodList', apiVersion: 'v1', metadata: {}, items });
      }
      case '/stats':
      case '/stats/summary':
        return json(summaryOf(name, await sampler.pair(signal), (uid) => pods.worker(uid)?.pod));
      case '/peapod/timelines':
        return json(Object.fromEntries((query.get('uids')?.split(',') ?? world.timelines.uids).flatMap((uid) => {
          const known = world.timelines.of(uid);
          return known ? [[uid, known]] : [];
        })));
      case '/metrics':
        return metrics((await import('./kubelet-metrics.ts')).kubeletMetrics(name, version, pods, moreMetrics));
      case '/metrics/probes':
        return metrics((await import('./kubelet-metrics.ts')).probeMetrics(pods));
      case '/metrics/resource':
        return metrics((await import('./resource-metrics.ts')).resourceMetrics(await sampler.latest(signal)));
      case '/metrics/cadvisor': {
        const sample = await sampler.latest(signal);
        const seenOf = (id: string) => {
          const worker = pods.worker(sample.containers.get(id)?.pod.uid ?? '');
          const state = worker?.seen.containers.find((one) => one.id === id);
          return worker && state && { pod: worker.pod, state };
        };
        return metrics((await import('./resource-metrics.ts')).cadvisorMetrics(sample, machine.milliCpu, machine.memoryBytes, seenOf));
      }
      default:
        if (path === '/logs' || path.startsWith('/logs/')) return logPage(dirs.logs, path.slice('/logs/'.length), signal);
        throw new ApiError(404, 'NotFound', 'the server could not find the requested resource', {});
    }
  };
}

function text(body: string): NodePage {
  return { code: 200, type: 'text/plain; charset=utf-8', body: Buffer.from(body) };
}

function json(object: object): NodePage {
  return { code: 200, type: 'application/json', body: Buffer.from(JSON.stringify(object)) };
}

function metrics(body: string): NodePage {
  return { code: 200, type: metricsTextType, body: Buffer.from(body) };
}
