// Builders for tests: Pods, sandboxes and containers with only what matters spelled out.
import type { Container, Pod } from '../../api/types.ts';
import type { ContainerState, Observation, SandboxState } from '../../runtime/runtime.ts';
import { containerHash, containerHashAnnotation } from '../spec/labels.ts';

export const uid = '11111111-2222-4333-8444-555555555555';
const identity = { namespace: 'default', name: 'web', uid };

export function container(name: string, more: Partial<Container> = {}): Container {
  return { name, image: 'localhost/busybox:1', imagePullPolicy: 'IfNotPresent', ...more };
}

export function pod(spec: Partial<Pod['spec']> = {}, more: { metadata?: Partial<Pod['metadata']>; status?: Partial<Pod['status']> } = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', namespace: 'default', uid, resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z', ...more.metadata },
    spec: { containers: [container('app')], restartPolicy: 'Always', terminationGracePeriodSeconds: 30, nodeName: 'node-1', ...spec },
    status: { phase: 'Pending', ...more.status },
  } as Pod;
}

export function sandbox(attempt = 0, more: Partial<SandboxState> = {}): SandboxState {
  return { id: `sandbox-${attempt}`, pod: identity, attempt, ready: true, createdAtMs: 0, ips: ['10.0.0.9'], network: 'pod', labels: {}, annotations: {}, ...more };
}

export function state(name: string, more: Partial<ContainerState> = {}): ContainerState {
  const attempt = more.attempt ?? 0;
  return {
    id: `${name}-${attempt}`, sandboxId: 'sandbox-0', pod: identity, name, attempt, state: 'running', createdAtMs: 0, startedAtMs: 0, finishedAtMs: 0,
    exitCode: 0, reason: '', message: '', image: 'localhost/busybox:1', imageRef: 'sha256:1', logPath: `/logs/${name}/${attempt}.log`, labels: {},
    annotations: { [containerHashAnnotation]: containerHash(container(name)) }, ...more,
  };
}

export function exited(name: string, exitCode: number, finishedAtMs = 0, more: Partial<ContainerState> = {}): ContainerState {
  return state(name, { state: 'exited', exitCode, finishedAtMs, ...more });
}

export function seen(sandboxes: readonly SandboxState[], containers: readonly ContainerState[] = []): Observation {
  return { sandboxes, containers };
}
