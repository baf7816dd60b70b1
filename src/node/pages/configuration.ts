// What the agent was told at its start, in the words of kubelet.config.k8s.io/v1beta1.
import { amountText, resourceOf } from '../eviction/signals.ts';
import { parseEvictionPolicy, type Amount, type EvictionPolicy, type Threshold } from '../eviction/policy.ts';
import { goDuration } from '../images/go-duration.ts';
import type { NodeAgentOptions } from '../node-settings.ts';

export function kubeletConfiguration({ cgroupParent, dns, podCIDRs, podMaxPids, eviction = parseEvictionPolicy() }: NodeAgentOptions, podLimit: number): object {
  return {
    kind: 'KubeletConfiguration',
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    maxPods: podLimit,
    ...(podCIDRs?.length ? { podCIDR: podCIDRs.join(',') } : {}),
    clusterDomain: dns.domain,
    clusterDNS: dns.servers,
    cgroupRoot: cgroupParent,
    cgroupsPerQOS: true,
    cgroupDriver: 'cgroupfs',
    nodeLeaseDurationSeconds: 40,
    nodeStatusUpdateFrequency: '10s',
    nodeStatusReportFrequency: '5m0s',
    streamingConnectionIdleTimeout: '4h0m0s',
    containerLogMaxSize: '10Mi',
    containerLogMaxFiles: 5,
    ...evictionConfiguration(eviction),
    ...(podMaxPids === undefined ? {} : { podPidsLimit: podMaxPids }),
  };
}

function evictionConfiguration({ thresholds, maxPodGraceSeconds, transitionMs }: EvictionPolicy): object {
  const written = (wanted: (threshold: Threshold) => boolean, text: (threshold: Threshold) => string) =>
    Object.fromEntries(thresholds.filter((one) => one.signal !== 'allocatableMemory.available' && wanted(one)).map((one) => [one.signal, text(one)]));
  const amount = ({ signal }: Threshold, value: Amount) => ('units' in value ? amountText(value.units, resourceOf(signal)) : `${Number((value.fraction * 100).toFixed(3))}%`);
  const soft = written(({ isHard }) => !isHard, (one) => amount(one, one.value));
  const reclaim = written(({ minimumReclaim }) => minimumReclaim !== undefined, (one) => amount(one, one.minimumReclaim!));
  return {
    evictionHard: written(({ isHard }) => isHard, (one) => amount(one, one.value)),
    ...(Object.keys(soft).length > 0 ? { evictionSoft: soft, evictionSoftGracePeriod: written(({ isHard }) => !isHard, ({ graceMs }) => goDuration(graceMs)), evictionMaxPodGracePeriod: maxPodGraceSeconds } : {}),
    ...(Object.keys(reclaim).length > 0 ? { evictionMinimumReclaim: reclaim } : {}),
    evictionPressureTransitionPeriod: goDuration(transitionMs),
  };
}
