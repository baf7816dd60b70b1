import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '../api/types.ts';
import { refusalOf } from './admission.ts';
import type { MachineFacts } from './node-settings.ts';
import { container, pod } from './testing/pods.ts';

const capacity = { allocatable: { milliCpu: 2000, memoryBytes: 2 ** 30, ephemeralStorageBytes: 2 ** 30 } as MachineFacts, podLimit: 3, security: { kernelVersion: '5.10.0-8', allowedUnsafeSysctls: ['net.core.*', 'kernel/msgmax'], appArmor: false, supplementalGroupsPolicy: false } };
const node = { metadata: { name: 'node-1', uid: '', resourceVersion: '', creationTimestamp: '', labels: { disk: 'ssd', cores: '8' } } };
const cpu = (amount: string) => pod({ containers: [container('a', { resources: { requests: { cpu: amount } } })] });
const port = (hostPort: number, more: object = {}) => pod({ containers: [container('a', { ports: [{ containerPort: 80, hostPort, protocol: 'TCP', ...more }] })] });
const sysctls = (more: object, ...names: string[]) => pod({ ...more, securityContext: { sysctls: names.map((name) => ({ name, value: '1' })) } });
const affine = (key: string, operator: string, ...values: string[]) => pod({ affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: [{ key, operator, values }] }] } } } });

const cases: readonly (readonly [string, Pod, readonly Pod[], string | undefined])[] = [
  ['fits', cpu('1'), [cpu('1')], undefined],
  ['no processor left', cpu('1'), [cpu('1500m')], "OutOfcpu Pod was rejected: Node didn't have enough resource: cpu, requested: 1000, used: 1500, capacity: 2000"],
  ['no place left', pod(), [pod(), pod(), pod()], "OutOfpods Pod was rejected: Node didn't have enough resource: pods, requested: 1, used: 3, capacity: 3"],
  ['asks for nothing on a full node', pod(), [cpu('2')], undefined],
  ['another node’s label', pod({ nodeSelector: { disk: 'hdd' } }), [], 'NodeAffinity'],
  ['this node’s label', pod({ nodeSelector: { disk: 'ssd' } }), [], undefined],
  ['affinity that holds', affine('cores', 'Gt', '4'), [], undefined],
  ['affinity that does not', affine('disk', 'NotIn', 'ssd'), [], 'NodeAffinity'],
  ['a port that is taken', port(80), [port(80)], 'NodePorts'],
  ['a port on another address', port(80, { hostIP: '10.0.0.1' }), [port(80, { hostIP: '10.0.0.2' })], undefined],
  ['a port of another protocol', port(80, { protocol: 'UDP' }), [port(80)], undefined],
  ['safe sysctls, and those allowed', sysctls({}, 'net.ipv4.ip_unprivileged_port_start', 'net/ipv4/tcp_syncookies', 'net.core.somaxconn', 'kernel.msgmax'), [], undefined],
  ['an unsafe sysctl', sysctls({}, 'kernel.shm_rmid_forced', 'kernel.msgmnb'), [], 'SysctlForbidden Pod was rejected: forbidden sysctl: "kernel.msgmnb" not allowlisted'],
  ['a sysctl of the node’s own namespace', sysctls({ hostIPC: true }, 'kernel.shm_rmid_forced'), [], 'SysctlForbidden Pod was rejected: forbidden sysctl: "kernel.shm_rmid_forced" not allowed with host ipc enabled'],
  ['AppArmor where there is none', pod({ containers: [container('a', { securityContext: { appArmorProfile: { type: 'RuntimeDefault' } } })] }), [], 'AppArmor Pod was rejected: Cannot enforce AppArmor: AppArmor is not enabled on the host'],
  ['no AppArmor where there is none', pod({ securityContext: { appArmorProfile: { type: 'Unconfined' } } }), [], undefined],
  ['strict groups', pod({ securityContext: { supplementalGroupsPolicy: 'Strict' } }), [], 'SupplementalGroupsPolicyNotSupported Pod was rejected: SupplementalGroupsPolicy=Strict is not supported in this node'],
  ['another system', pod({ os: { name: 'windows' } }), [], 'PodOSNotSupported'],
];

for (const [what, one, others, wanted] of cases) {
  test(`admission: ${what}`, () => {
    const refusal = refusalOf(one, others, capacity, node);
    if (wanted === undefined) assert.equal(refusal, undefined);
    else assert.ok(`${refusal?.reason} ${refusal?.message}`.startsWith(wanted), refusal?.message);
  });
}

test('admission: a taint that ends Pods lets in who tolerates it, and one that only keeps them off is for the scheduler', () => {
  const tainted = { ...node, spec: { taints: [{ key: 'ending', effect: 'NoExecute' }, { key: 'busy', effect: 'NoSchedule' }] } };
  assert.equal(refusalOf(pod(), [], capacity, tainted)?.reason, 'TaintToleration');
  assert.equal(refusalOf(pod({ tolerations: [{ key: 'ending', operator: 'Exists' }] }), [], capacity, tainted), undefined);
});

test('admission: what the Pod itself requests counts', () => {
  assert.equal(refusalOf(pod({ resources: { requests: { cpu: '3' } } }), [], capacity, node)?.reason, 'OutOfcpu');
});
