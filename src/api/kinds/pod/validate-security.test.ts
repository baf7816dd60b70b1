import { accept, container, image, one, refuse, subdomain, withSpec, type Accepted, type Fields, type Refused } from './pod-rows.ts';

const ofPod = (securityContext: Fields, rest: Fields = {}): Fields => withSpec({ securityContext, ...rest });
const own = (securityContext: Fields, rest: Fields = {}): Fields => ({ ...one({ securityContext }), ...rest });
const p = 'spec.securityContext';
const c = 'spec.containers[0].securityContext';
const sysctl = (name: string, rest: Fields = {}): Fields => ofPod({ sysctls: [{ name, value: '1' }] }, rest);
const windows = { os: { name: 'windows' } };
const linux = { os: { name: 'linux' } };
const never = 'Forbidden: cannot be set for a windows pod';
const user = (runAsUserName: string): Fields => own({ windowsOptions: { runAsUserName } });
const apparmor = 'container.apparmor.security.beta.kubernetes.io/c';

/** A part of the Pod's own context, and a container's, that Windows has not. */
const podParts: Fields = { appArmorProfile: { type: 'RuntimeDefault' }, seLinuxOptions: {}, seccompProfile: { type: 'RuntimeDefault' }, fsGroup: 1, fsGroupChangePolicy: 'Always', sysctls: [{ name: 'a', value: '1' }], runAsUser: 1, runAsGroup: 1, supplementalGroups: [1], supplementalGroupsPolicy: 'Merge', seLinuxChangePolicy: 'Recursive' };
const parts: Fields = { appArmorProfile: { type: 'RuntimeDefault' }, seLinuxOptions: {}, seccompProfile: { type: 'RuntimeDefault' }, capabilities: {}, readOnlyRootFilesystem: false, privileged: false, allowPrivilegeEscalation: false, procMount: 'Default', runAsUser: 1, runAsGroup: 1 };

const refused: Refused = [
  [ofPod({ fsGroup: -1 }), `${p}.fsGroup`, 'Invalid value: -1: must be between 0 and 2147483647, inclusive'],
  [ofPod({ runAsGroup: 2 ** 31 }), `${p}.runAsGroup`, 'Invalid value: 2147483648: must be between 0 and 2147483647, inclusive'],
  [ofPod({ supplementalGroups: [1, -2] }), `${p}.supplementalGroups[1]`, 'Invalid value: -2: must be between 0 and 2147483647, inclusive'],
  [ofPod({ fsGroupChangePolicy: 'Never' }), `${p}.fsGroupChangePolicy`, 'Unsupported value: "Never": supported values: "Always", "OnRootMismatch"'],
  [ofPod({ supplementalGroupsPolicy: 'None' }), `${p}.supplementalGroupsPolicy`, 'Unsupported value: "None": supported values: "Merge", "Strict"'],
  [ofPod({ seLinuxChangePolicy: 'None' }), `${p}.seLinuxChangePolicy`, 'Unsupported value: "None": supported values: "MountOption", "Recursive"'],
  [ofPod({ seccompProfile: {} }), `${p}.seccompProfile.type`, 'Required value: type is required when seccompProfile is set'],
  [ofPod({ seccompProfile: { type: 'Mine' } }), `${p}.seccompProfile.type`, 'Unsupported value: "Mine": supported values: "Localhost", "RuntimeDefault", "Unconfined"'],
  [ofPod({ seccompProfile: { type: 'RuntimeDefault', localhostProfile: 'x' } }), `${p}.seccompProfile.localhostProfile`, 'Invalid value: {"type":"RuntimeDefault","localhostProfile":"x"}: can only be set when seccomp type is Localhost'],
  [ofPod({ seccompProfile: { type: 'Localhost', localhostProfile: '../x' } }), `${p}.seccompProfile.localhostProfile`, "Invalid value: \"../x\": must not contain '..'"],
  [ofPod({ appArmorProfile: {} }), `${p}.appArmorProfile.type`, 'Required value: type is required when appArmorProfile is set'],
  [ofPod({ appArmorProfile: { type: 'Mine' } }), `${p}.appArmorProfile.type`, 'Unsupported value: "Mine": supported values: "Localhost", "RuntimeDefault", "Unconfined"'],
  [ofPod({ appArmorProfile: { type: 'Localhost' } }), `${p}.appArmorProfile.localhostProfile`, 'Required value: must be set when AppArmor type is Localhost'],
  [own({ appArmorProfile: { type: 'Localhost', localhostProfile: ' x' } }), `${c}.appArmorProfile.localhostProfile`, 'Invalid value: " x": must not be padded with whitespace'],
  [own({ appArmorProfile: { type: 'Localhost', localhostProfile: 'x'.repeat(4096) } }), `${c}.appArmorProfile.localhostProfile`, 'Too long: must have at most 4095 bytes'],
  [own({ appArmorProfile: { type: 'Unconfined', localhostProfile: 'x' } }), `${c}.appArmorProfile.localhostProfile`, 'Invalid value: "x": can only be set when AppArmor type is Localhost'],
  [own({ runAsUser: -5 }), `${c}.runAsUser`, 'Invalid value: -5: must be between 0 and 2147483647, inclusive'],
  [own({ procMount: 'All' }), `${c}.procMount`, 'Unsupported value: "All": supported values: "Default", "Unmasked"'],
  [own({ allowPrivilegeEscalation: false, capabilities: { add: ['CAP_SYS_ADMIN'] } }), c, 'Invalid value: {"allowPrivilegeEscalation":false,"capabilities":{"add":["CAP_SYS_ADMIN"]}}: cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN'],
  // Sysctls and namespaces of the node
  [ofPod({ sysctls: [{ value: '1' }] }), `${p}.sysctls[0].name`, 'Required value'],
  [ofPod({ sysctls: [{ name: 'a.b', value: '1' }, { name: 'a.b', value: '2' }] }), `${p}.sysctls[1].name`, 'Duplicate value: "a.b"'],
  [sysctl('net/ipv4/tcp_syncookies', { hostNetwork: true }), `${p}.sysctls[0].name`, "Invalid value: \"net/ipv4/tcp_syncookies\": may not be specified when 'hostNetwork' is true"],
  [sysctl('kernel.shmmax', { hostIPC: true }), `${p}.sysctls[0].name`, "Invalid value: \"kernel.shmmax\": may not be specified when 'hostIPC' is true"],
  [sysctl('fs.mqueue.msg_max', { hostIPC: true }), `${p}.sysctls[0].name`, "Invalid value: \"fs.mqueue.msg_max\": may not be specified when 'hostIPC' is true"],
  [withSpec({ hostUsers: false, hostPID: true }), 'spec.HostPID', 'Forbidden: when `pod.Spec.HostUsers` is false'],
  [withSpec({ hostUsers: false, hostIPC: true }), 'spec.HostIPC', 'Forbidden: when `pod.Spec.HostUsers` is false'],
  // Systems
  [withSpec({ os: { name: '' } }), 'spec.os.name', 'Required value: cannot be empty'],
  [ofPod({ windowsOptions: {} }, linux), `${p}.windowsOptions`, 'Forbidden: windows options cannot be set for a linux pod'],
  [own({ windowsOptions: {} }, linux), `${c}.windowsOptions`, 'Forbidden: windows options cannot be set for a linux pod'],
  ...Object.keys(podParts).map((part) => [ofPod({ [part]: podParts[part] }, windows), `${p}.${part}`, never] as const),
  ...Object.keys(parts).map((part) => [own({ [part]: parts[part] }, windows), `${c}.${part}`, never] as const),
  [withSpec({ ...windows, hostUsers: true }), 'spec.hostUsers', never],
  [withSpec({ ...windows, hostPID: true }), 'spec.hostPID', never],
  [withSpec({ ...windows, hostIPC: true }), 'spec.hostIPC', never],
  [withSpec({ ...windows, shareProcessNamespace: false }), 'spec.shareProcessNamespace', never],
  [ofPod({ windowsOptions: { gmsaCredentialSpecName: 'A_' } }), `${p}.windowsOptions.gmsaCredentialSpecName`, subdomain('A_')],
  [ofPod({ windowsOptions: { gmsaCredentialSpec: '' } }), `${p}.windowsOptions.gmsaCredentialSpec`, 'Invalid value: "": gmsaCredentialSpec cannot be an empty string'],
  [user(''), `${c}.windowsOptions.runAsUserName`, 'Invalid value: "": runAsUserName cannot be an empty string'],
  [user('a\tb'), `${c}.windowsOptions.runAsUserName`, 'Invalid value: "a\\tb": runAsUserName cannot contain control characters'],
  [user('a\\b\\c'), `${c}.windowsOptions.runAsUserName`, 'Invalid value: "a\\\\b\\\\c": runAsUserName cannot contain more than one backslash'],
  [user('D\\'), `${c}.windowsOptions.runAsUserName`, 'Invalid value: "D\\\\": runAsUserName\'s User cannot be empty'],
  [user('. .'), `${c}.windowsOptions.runAsUserName`, 'Invalid value: ". .": runAsUserName\'s User cannot contain only periods or spaces'],
  [user('a|b'), `${c}.windowsOptions.runAsUserName`, 'Invalid value: "a|b": runAsUserName\'s User cannot contain the following characters: "/\\:;|=,+*?<>@[]'],
  [user(`.x\\u`), `${c}.windowsOptions.runAsUserName`, 'Invalid value: ".x\\\\u": runAsUserName\'s Domain doesn\'t match the NetBios nor the DNS format'],
  [own({ windowsOptions: { hostProcess: true } }), 'spec.hostNetwork', 'Invalid value: false: hostNetwork must be true if pod contains any hostProcess containers'],
  [{ containers: [container({ securityContext: { windowsOptions: { hostProcess: true } } }), container({ name: 'd' })], hostNetwork: true }, 'spec', 'Invalid value: "": If pod contains any hostProcess containers then all containers must be HostProcess containers'],
  [own({ windowsOptions: { hostProcess: false } }, { securityContext: { windowsOptions: { hostProcess: true } } }), `${c}.windowsOptions.hostProcess`, 'Invalid value: false: pod hostProcess value must be identical if both are specified, was true'],
  // Annotations
  [withSpec({}), 'metadata.annotations.seccomp.security.alpha.kubernetes.io/pod', 'Invalid value: "mine": must be a valid seccomp profile', { annotations: { 'seccomp.security.alpha.kubernetes.io/pod': 'mine' } }],
  [withSpec({}), `metadata.annotations[${apparmor}]`, 'Invalid value: "mine": invalid AppArmor profile name: "mine"', { annotations: { [apparmor]: 'mine' } }],
  [withSpec({}), `metadata.annotations[${apparmor}d]`, 'Invalid value: "cd": container not found', { annotations: { [`${apparmor}d`]: 'unconfined' } }],
  [ofPod({ seccompProfile: { type: 'RuntimeDefault' } }), `${p}.seccompProfile.type`, 'Forbidden: seccomp type in annotation and field must match', { annotations: { 'seccomp.security.alpha.kubernetes.io/pod': 'unconfined' } }],
  [own({ appArmorProfile: { type: 'Localhost', localhostProfile: 'a' } }), `${c}.appArmorProfile.localhostProfile`, 'Forbidden: apparmor profile in annotation and field must match', { annotations: { [apparmor]: 'localhost/b' } }],
  [withSpec({}), 'metadata.annotations[controller.kubernetes.io/pod-deletion-cost]', 'Invalid value: "+1": must be a 32bit integer', { annotations: { 'controller.kubernetes.io/pod-deletion-cost': '+1' } }],
  [withSpec({}), 'metadata.annotations[kubernetes.io/config.mirror]', 'Invalid value: "x": must set spec.nodeName if mirror pod annotation is set', { annotations: { 'kubernetes.io/config.mirror': 'x' } }],
];

refuse('security', refused);

const accepted: Accepted = [
  [ofPod({ runAsUser: 0, runAsGroup: 2 ** 31 - 1, runAsNonRoot: false })],
  [ofPod({ supplementalGroupsPolicy: 'Strict', seLinuxChangePolicy: 'MountOption', fsGroupChangePolicy: 'Always' })],
  [ofPod({ seccompProfile: { type: 'Localhost', localhostProfile: 'a/b.json' }, appArmorProfile: { type: 'Localhost', localhostProfile: 'mine' } })],
  [ofPod({ seLinuxOptions: { type: 'spc_t', level: 's0:c1,c2' } })],
  [own({ procMount: 'Unmasked' }, { hostUsers: false })],
  [own({ procMount: 'Default' })],
  [own({ privileged: true, allowPrivilegeEscalation: true })],
  [own({ allowPrivilegeEscalation: false, capabilities: { add: ['SYS_ADMIN'] } })],
  [own({ capabilities: { add: ['ANYTHING'], drop: ['ALL'] } })],
  [sysctl('net.ipv4.tcp_syncookies', { hostIPC: true })],
  [sysctl('kernel.shmmax', { hostNetwork: true })],
  [sysctl('kernel/shm_rmid_forced')],
  [withSpec({ hostUsers: false })],
  [withSpec({ hostUsers: true, hostNetwork: true, hostPID: true, hostIPC: true })],
  [withSpec({ shareProcessNamespace: false, hostPID: true })],
  [own({ windowsOptions: { runAsUserName: 'ContainerUser', gmsaCredentialSpecName: 'a.b', gmsaCredentialSpec: '{}' } }, windows)],
  [user('DOMAIN\\user name')],
  [user('example.com\\user')],
  [ofPod({ windowsOptions: { hostProcess: true } }, { ...windows, hostNetwork: true, initContainers: [{ name: 'i', image }] })],
  [own({ windowsOptions: { hostProcess: true } }, { securityContext: { windowsOptions: { hostProcess: true } }, hostNetwork: true })],
  [own({ windowsOptions: { hostProcess: false } })],
  [withSpec({}), { annotations: { 'seccomp.security.alpha.kubernetes.io/pod': 'docker/default', [apparmor]: '' } }],
  [ofPod({ seccompProfile: { type: 'RuntimeDefault' } }), { annotations: { 'seccomp.security.alpha.kubernetes.io/pod': 'docker/default' } }],
  [own({ appArmorProfile: { type: 'Localhost', localhostProfile: 'a' } }), { annotations: { [apparmor]: 'localhost/a' } }],
  ...['0', '-5', '2147483647', '-2147483648'].map((cost) => [withSpec({}), { annotations: { 'controller.kubernetes.io/pod-deletion-cost': cost } }] as const),
  [withSpec({ nodeName: 'n' }), { annotations: { 'kubernetes.io/config.mirror': 'x' } }],
];

accept('security', accepted);
