// What the agent was told at its start, in the words of kubelet.config.k8s.io/v1beta1.
import type { NodeAgentOptions } from '../node-settings.ts';

export function kubeletConfiguration({ cgroupParent, dns, podCIDRs }: NodeAgentOptions, podLimit: number): object {
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
  };
}
