import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PodSpec } from '../../../api/types.ts';
import { policyOf, told, violations, type Standard } from './policy.ts';

type Fields = Record<string, unknown>;

const latest = (level: Standard['level']): Standard => ({ level, version: 'latest' });
const one = (securityContext: Fields, fields: Fields = {}): Fields => ({ containers: [{ name: 'c', image: 'i', securityContext, ...fields }] });
const hardened = { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] }, runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } };
/** What restricted accepts, with some other fields. */
const hard = (fields: Fields, ofPod: Fields = {}): Fields => ({ ...one({ ...hardened, ...fields }), ...ofPod });
const pod = (fields: Fields): Fields => ({ ...one({}), ...fields });
const podSecurity = (securityContext: Fields): Fields => pod({ securityContext });

function against(level: Standard['level'] | Standard, spec: Fields, annotations: Readonly<Record<string, string>> = {}): string {
  return told(violations(typeof level === 'string' ? latest(level) : level, { spec: spec as unknown as PodSpec, annotations }));
}

const apparmor = (type: string) => ({ appArmorProfile: { type } });

/** What baseline has against a Pod; '': nothing. */
const ofBaseline: readonly (readonly [spec: Fields, told: string, annotations?: Record<string, string>])[] = [
  [one({}), ''],
  [one(hardened), ''],
  [one({ privileged: true }), 'privileged (container "c" must not set securityContext.privileged=true)'],
  [one({ privileged: false }), ''],
  [
    { initContainers: [{ name: 'i', securityContext: { privileged: true } }], containers: [{ name: 'c', securityContext: { privileged: true } }], ephemeralContainers: [{ name: 'e', securityContext: { privileged: true } }] },
    'privileged (containers "i", "c", "e" must not set securityContext.privileged=true)',
  ],
  [one({ capabilities: { add: ['NET_BIND_SERVICE', 'CHOWN', 'KILL'] } }), ''],
  [one({ capabilities: { add: ['SYS_ADMIN', 'NET_RAW'] } }), 'non-default capabilities (container "c" must not include "NET_RAW", "SYS_ADMIN" in securityContext.capabilities.add)'],
  [pod({ hostNetwork: true }), 'host namespaces (hostNetwork=true)'],
  [pod({ hostIPC: true, hostPID: true, hostNetwork: true }), 'host namespaces (hostNetwork=true, hostPID=true, hostIPC=true)'],
  [pod({ volumes: [{ name: 'v', hostPath: { path: '/' } }] }), 'hostPath volumes (volume "v")'],
  [pod({ volumes: [{ name: 'v', hostPath: { path: '/' } }, { name: 'w', hostPath: { path: '/' } }, { name: 'e', emptyDir: {} }] }), 'hostPath volumes (volumes "v", "w")'],
  [pod({ volumes: [{ name: 'v', nfs: { server: 's', path: '/' } }] }), ''],
  [one({}, { ports: [{ containerPort: 80 }] }), ''],
  [one({}, { ports: [{ containerPort: 80, hostPort: 8080 }] }), 'hostPort (container "c" uses hostPort 8080)'],
  [{ containers: [{ name: 'a', ports: [{ hostPort: 81 }] }, { name: 'b', ports: [{ hostPort: 80 }] }] }, 'hostPort (containers "a", "b" use hostPorts 80, 81)'],
  [one({}, { livenessProbe: { httpGet: { port: 80, host: '169.254.169.254' } } }), 'probe or lifecycle host (container "c" uses probe or lifecycle host "169.254.169.254")'],
  [one({}, { lifecycle: { preStop: { httpGet: { port: 80, host: 'b' } }, postStart: { tcpSocket: { port: 80, host: 'a' } } } }), 'probe or lifecycle host (container "c" uses probe or lifecycle hosts "a", "b")'],
  [one({}, { readinessProbe: { tcpSocket: { port: 80 } } }), ''],
  [one({ procMount: 'Default' }), ''],
  [one({ procMount: 'Unmasked' }), 'procMount (container "c" must not set securityContext.procMount to "Unmasked")'],
  [{ ...one({ procMount: 'Unmasked' }), hostUsers: false }, ''],
  [podSecurity({ seLinuxOptions: { type: 'container_t', level: 's0' } }), ''],
  [podSecurity({ seLinuxOptions: { type: 'container_engine_t' } }), ''],
  [podSecurity({ seLinuxOptions: { type: 'spc_t', user: 'u', role: 'r' } }), 'seLinuxOptions (pod set forbidden securityContext.seLinuxOptions: type "spc_t"; user may not be set; role may not be set)'],
  [one({ seLinuxOptions: { user: 'u' } }), 'seLinuxOptions (container "c" set forbidden securityContext.seLinuxOptions: user may not be set)'],
  [podSecurity({ seccompProfile: { type: 'RuntimeDefault' } }), ''],
  [podSecurity({ seccompProfile: { type: 'Unconfined' } }), 'seccompProfile (pod must not set securityContext.seccompProfile.type to "Unconfined")'],
  [{ ...one({ seccompProfile: { type: 'Unconfined' } }), securityContext: { seccompProfile: { type: 'Unconfined' } } }, 'seccompProfile (pod and container "c" must not set securityContext.seccompProfile.type to "Unconfined")'],
  [podSecurity({ sysctls: [{ name: 'net.ipv4.tcp_rmem', value: '1' }, { name: 'net.ipv4.ip_local_port_range', value: '1' }] }), ''],
  [podSecurity({ sysctls: [{ name: 'kernel.msgmax', value: '1' }, { name: 'net.core.somaxconn', value: '1' }] }), 'forbidden sysctls (kernel.msgmax, net.core.somaxconn)'],
  [podSecurity({ windowsOptions: { hostProcess: true } }), 'hostProcess (pod must not set securityContext.windowsOptions.hostProcess=true)'],
  [one({ windowsOptions: { hostProcess: true } }), 'hostProcess (container "c" must not set securityContext.windowsOptions.hostProcess=true)'],
  [one(apparmor('RuntimeDefault')), ''],
  [{ ...one(apparmor('Unconfined')), securityContext: apparmor('Unconfined') }, 'forbidden AppArmor profile (pod and container "c" must not set AppArmor profile type to "Unconfined")'],
  [one({}), 'forbidden AppArmor profile (annotation must not set AppArmor profile type to "container.apparmor.security.beta.kubernetes.io/c="unconfined"")', { 'container.apparmor.security.beta.kubernetes.io/c': 'unconfined' }],
  [one({ privileged: true }, { ports: [{ hostPort: 1 }] }), 'hostPort (container "c" uses hostPort 1), privileged (container "c" must not set securityContext.privileged=true)'],
];

const none = 'allowPrivilegeEscalation != false (container "c" must set securityContext.allowPrivilegeEscalation=false), unrestricted capabilities (container "c" must set securityContext.capabilities.drop=["ALL"]), runAsNonRoot != true (pod or container "c" must set securityContext.runAsNonRoot=true), seccompProfile (pod or container "c" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")';

const ofRestricted: readonly (readonly [spec: Fields, told: string])[] = [
  [one({}), none],
  [one(hardened), ''],
  [{ ...one({ ...hardened, runAsNonRoot: undefined, seccompProfile: undefined }), securityContext: { runAsNonRoot: true, seccompProfile: { type: 'Localhost', localhostProfile: 'p' } } }, ''],
  [hard({ allowPrivilegeEscalation: true }), 'allowPrivilegeEscalation != false (container "c" must set securityContext.allowPrivilegeEscalation=false)'],
  [hard({ capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE'] } }), ''],
  [hard({ capabilities: { drop: ['NET_RAW'] } }), 'unrestricted capabilities (container "c" must set securityContext.capabilities.drop=["ALL"])'],
  [hard({ capabilities: { add: ['CHOWN'] } }), 'unrestricted capabilities (container "c" must set securityContext.capabilities.drop=["ALL"]; container "c" must not include "CHOWN" in securityContext.capabilities.add)'],
  [hard({ runAsNonRoot: false }), 'runAsNonRoot != true (container "c" must not set securityContext.runAsNonRoot=false)'],
  [hard({}, { securityContext: { runAsNonRoot: false } }), 'runAsNonRoot != true (pod must not set securityContext.runAsNonRoot=false)'],
  [hard({ runAsNonRoot: undefined }, { hostUsers: false }), ''],
  [hard({ runAsUser: 0 }), 'runAsUser=0 (container "c" must not set runAsUser=0)'],
  [hard({ runAsUser: 0 }, { securityContext: { runAsUser: 0 } }), 'runAsUser=0 (pod and container "c" must not set runAsUser=0)'],
  [hard({ runAsUser: 1000 }), ''],
  [hard({ seccompProfile: { type: 'Unconfined' } }), 'seccompProfile (container "c" must not set securityContext.seccompProfile.type to "Unconfined")'],
  [hard({ procMount: 'Unmasked' }, { hostUsers: false }), 'procMount (container "c" must not set securityContext.procMount to "Unmasked")'],
  [hard({}, { volumes: [{ name: 'v', hostPath: { path: '/' } }] }), 'restricted volume types (volume "v" uses restricted volume type "hostPath")'],
  [hard({}, { volumes: [{ name: 'v', nfs: {} }, { name: 'w', iscsi: {} }, { name: 's', secret: {} }] }), 'restricted volume types (volumes "v", "w" use restricted volume types "iscsi", "nfs")'],
  [hard({}, { volumes: [{ name: 'a', configMap: {} }, { name: 'b', csi: {} }, { name: 'c', downwardAPI: {} }, { name: 'd', emptyDir: {} }, { name: 'e', ephemeral: {} }, { name: 'f', persistentVolumeClaim: {} }, { name: 'g', projected: {} }] }), ''],
  [{ ...one({ runAsNonRoot: true }), os: { name: 'windows' } }, ''],
  [hard({}, { hostNetwork: true }), 'host namespaces (hostNetwork=true)'],
  [one({ privileged: true }), `privileged (container "c" must not set securityContext.privileged=true), ${none}`],
];

test('what baseline has against a Pod', () => {
  for (const [spec, told, annotations] of ofBaseline) assert.equal(against('baseline', spec, annotations), told, JSON.stringify(spec));
});

test('what restricted has against a Pod', () => {
  for (const [spec, told] of ofRestricted) assert.equal(against('restricted', spec), told, JSON.stringify(spec));
});

test('privileged has nothing against anything', () => {
  for (const [spec] of [...ofBaseline, ...ofRestricted]) assert.equal(against('privileged', spec), '');
});

test('a version is judged as it was', () => {
  const at = (level: Standard['level'], version: number, spec: Fields, annotations: Record<string, string> = {}) => against({ level, version }, spec, annotations);
  assert.equal(at('baseline', 33, one({}, { livenessProbe: { httpGet: { host: 'a' } } })), '');
  assert.equal(at('baseline', 28, podSecurity({ sysctls: [{ name: 'net.ipv4.tcp_keepalive_time', value: '1' }] })), 'forbidden sysctls (net.ipv4.tcp_keepalive_time)');
  assert.equal(at('baseline', 30, podSecurity({ seLinuxOptions: { type: 'container_engine_t' } })), 'seLinuxOptions (pod set forbidden securityContext.seLinuxOptions: type "container_engine_t")');
  assert.match(at('baseline', 34, { ...one({ procMount: 'Unmasked' }), hostUsers: false }), /^procMount/);
  assert.match(at('baseline', 18, one({}), { 'seccomp.security.alpha.kubernetes.io/pod': 'unconfined' }), /^seccompProfile \(forbidden annotation seccomp.security.alpha.kubernetes.io\/pod="unconfined"\)$/);
  assert.equal(at('restricted', 22, hard({ runAsUser: 0 })), '');
  assert.match(at('restricted', 24, { ...one({ runAsNonRoot: true }), os: { name: 'windows' } }), /^allowPrivilegeEscalation/);
  assert.equal(at('restricted', 99, one(hardened)), '');
});

test('labels', () => {
  const label = (rest: Record<string, string>) => Object.fromEntries(Object.entries(rest).map(([key, value]) => [`pod-security.kubernetes.io/${key}`, value]));
  const policy = (rest: Record<string, string>) => policyOf(label(rest));
  assert.deepEqual(policyOf(undefined).policy.enforce, latest('privileged'));
  assert.deepEqual(policyOf({ app: 'x' }).policy.warn, latest('privileged'));
  assert.deepEqual(policy({ enforce: 'baseline', 'enforce-version': 'v1.30' }).policy, { enforce: { level: 'baseline', version: 30 }, audit: latest('privileged'), warn: { level: 'baseline', version: 30 } });
  assert.deepEqual(policy({ enforce: 'baseline', warn: 'restricted' }).policy.warn, latest('restricted'));
  assert.deepEqual(policy({ enforce: 'baseline', warn: 'privileged' }).policy.warn, latest('privileged'));
  const wrong = policy({ enforce: 'strict', audit: 'x', 'warn-version': '1.2' });
  assert.deepEqual(wrong.causes.map(({ field, message }) => `${field}: ${message}`), [
    'metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: "strict": must be one of privileged, baseline, restricted',
    'metadata.labels[pod-security.kubernetes.io/audit]: Invalid value: "x": must be one of privileged, baseline, restricted',
    'metadata.labels[pod-security.kubernetes.io/warn-version]: Invalid value: "1.2": must be "latest" or "v1.x"',
  ]);
  assert.deepEqual([wrong.policy.enforce.level, wrong.policy.audit.level, wrong.policy.warn.level], ['restricted', 'privileged', 'privileged']);
});
