import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '../../types.ts';
import { pods } from '../pod.ts';
import { accept, affinity, container, image, init, label, mounted, newPod, one, preferred, quantityWords, refuse, required, resources, subdomain, tcp, volume, withSpec, type Accepted, type Fields, type Refused } from './pod-rows.ts';

const refused: Refused = [
  // Containers
  [{}, 'spec.containers', 'Required value'],
  [{ containers: [] }, 'spec.containers', 'Required value'],
  [{ containers: [{ image }] }, 'spec.containers[0].name', 'Required value'],
  [{ containers: [{ name: 'c' }] }, 'spec.containers[0].image', 'Required value'],
  [one({ name: 'Web' }), 'spec.containers[0].name', label('Web')],
  [one({ name: 'a.b' }), 'spec.containers[0].name', 'Invalid value: "a.b": must not contain dots'],
  [{ containers: [container(), container()] }, 'spec.containers[1].name', 'Duplicate value: "c"'],
  [one({ image: ' x' }), 'spec.containers[0].image', 'Invalid value: " x": must not have leading or trailing whitespace'],
  [one({ imagePullPolicy: 'Sometimes' }), 'spec.containers[0].imagePullPolicy', 'Unsupported value: "Sometimes": supported values: "Always", "IfNotPresent", "Never"'],
  [one({ terminationMessagePolicy: 'Log' }), 'spec.containers[0].terminationMessagePolicy', 'Unsupported value: "Log": supported values: "File", "FallbackToLogsOnError"'],
  // Ports
  [one({ ports: [{ containerPort: 0 }] }), 'spec.containers[0].ports[0].containerPort', 'Required value'],
  [one({ ports: [{ containerPort: 65536 }] }), 'spec.containers[0].ports[0].containerPort', 'Invalid value: 65536: must be between 1 and 65535, inclusive'],
  [one({ ports: [{ containerPort: 80, protocol: 'ICMP' }] }), 'spec.containers[0].ports[0].protocol', 'Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP"'],
  [one({ ports: [{ containerPort: 80, name: 'a--b' }] }), 'spec.containers[0].ports[0].name', 'Invalid value: "a--b": must not contain consecutive hyphens'],
  [one({ ports: [{ containerPort: 80, name: 'x' }, { containerPort: 81, name: 'x' }] }), 'spec.containers[0].ports[1].name', 'Duplicate value: "x"'],
  [one({ ports: [{ containerPort: 80, hostPort: 80 }, { containerPort: 81, hostPort: 80 }] }), 'spec.containers[0].ports[1].hostPort', 'Duplicate value: "TCP//80"'],
  [{ hostNetwork: true, containers: [container({ ports: [{ containerPort: 80, hostPort: 81 }] })] }, 'spec.containers[0].ports[0].hostPort', 'Invalid value: 81: must match `containerPort` when `hostNetwork` is true'],
  // Environment
  [one({ env: [{ value: 'x' }] }), 'spec.containers[0].env[0].name', 'Required value'],
  [one({ env: [{ name: 'A=B' }] }), 'spec.containers[0].env[0].name', 'Invalid value: "A=B": a valid environment variable name must consist only of printable ASCII characters other than \'=\''],
  [one({ env: [{ name: 'A', valueFrom: {} }] }), 'spec.containers[0].env[0].valueFrom', 'Invalid value: "": must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`'],
  [one({ env: [{ name: 'A', value: 'x', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }] }), 'spec.containers[0].env[0].valueFrom', 'Invalid value: "": may not be specified when `value` is not empty'],
  [one({ env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'spec.image' } } }] }), 'spec.containers[0].env[0].valueFrom.fieldRef.fieldPath', 'Invalid value: "spec.image": error converting fieldPath: field label not supported: spec.image'],
  [
    one({ env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'metadata.labels' } } }] }),
    'spec.containers[0].env[0].valueFrom.fieldRef.fieldPath',
    'Unsupported value: "metadata.labels": supported values: "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName", "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs"',
  ],
  [one({ env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 's' } } }] }), 'spec.containers[0].env[0].valueFrom.secretKeyRef.key', 'Required value'],
  [one({ env: [{ name: 'A', valueFrom: { resourceFieldRef: { resource: 'limits.cpu', divisor: '2' } } }] }), 'spec.containers[0].env[0].valueFrom.resourceFieldRef.divisor', 'Invalid value: "limits.cpu": only divisor\'s values 1m and 1 are supported with the cpu resource'],
  [one({ envFrom: [{ prefix: 'P_' }] }), 'spec.containers[0].envFrom', 'Invalid value: "": must specify one of: `configMapRef` or `secretRef`'],
  [one({ envFrom: [{ configMapRef: {} }] }), 'spec.containers[0].envFrom[0].configMapRef.name', 'Required value'],
  // Volumes and mounts
  [withSpec({ volumes: [{ emptyDir: {} }] }), 'spec.volumes[0].name', 'Required value'],
  [withSpec({ volumes: [{ name: 'v', emptyDir: {} }, { name: 'v', emptyDir: {} }] }), 'spec.volumes[1].name', 'Duplicate value: "v"'],
  [volume({ emptyDir: {}, hostPath: { path: '/x' } }), 'spec.volumes[0].hostPath', 'Forbidden: may not specify more than 1 volume type'],
  [volume({ emptyDir: { sizeLimit: '-1' } }), 'spec.volumes[0].emptyDir.sizeLimit', 'Forbidden: SizeLimit field must be a valid resource quantity'],
  [volume({ hostPath: {} }), 'spec.volumes[0].hostPath.path', 'Required value'],
  [volume({ hostPath: { path: '/a/../b' } }), 'spec.volumes[0].hostPath.path', 'Invalid value: "/a/../b": must not contain \'..\''],
  [volume({ hostPath: { path: '/a', type: 'Pipe' } }), 'spec.volumes[0].hostPath.type', 'Unsupported value: "Pipe": supported values: "", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"'],
  [volume({ secret: {} }), 'spec.volumes[0].secret.secretName', 'Required value'],
  [volume({ configMap: {} }), 'spec.volumes[0].configMap.name', 'Required value'],
  [volume({ configMap: { name: 'c', defaultMode: 0o1000 } }), 'spec.volumes[0].configMap.defaultMode', 'Invalid value: 512: must be a number between 0 and 0777 (octal), both inclusive'],
  [volume({ configMap: { name: 'c', items: [{ key: 'k', path: '../x' }] } }), 'spec.volumes[0].configMap.items[0].path', 'Invalid value: "../x": must not contain \'..\''],
  [volume({ secret: { secretName: 's', items: [{ key: 'k', path: '/x' }] } }), 'spec.volumes[0].secret.items[0].path', 'Invalid value: "/x": must be a relative path'],
  [volume({ secret: { secretName: 's', items: [{ key: 'k', path: '..data' }] } }), 'spec.volumes[0].secret.items[0].path', 'Invalid value: "..data": must not start with \'..\''],
  [volume({ downwardAPI: { items: [{ path: 'x' }] } }), 'spec.volumes[0].downwardAPI', 'Required value: one of fieldRef and resourceFieldRef is required'],
  [volume({ projected: { sources: [{ secret: { name: 'a', items: [{ key: 'k', path: 'p' }] } }, { configMap: { name: 'b', items: [{ key: 'k', path: 'p' }] } }] } }), 'spec.volumes[0].projected', 'Invalid value: "b": conflicting duplicate paths'],
  [{ ...volume({ projected: { sources: [{ serviceAccountToken: { path: 't', expirationSeconds: 1 } }] } }), serviceAccountName: 'default' }, 'spec.volumes[0].projected.sources[0].serviceAccountToken.expirationSeconds', 'Invalid value: 1: may not specify a duration less than 10 minutes'],
  [volume({ persistentVolumeClaim: {} }), 'spec.volumes[0].persistentVolumeClaim.claimName', 'Required value'],
  [one({ volumeMounts: [{ name: 'gone', mountPath: '/x' }] }), 'spec.containers[0].volumeMounts[0].name', 'Not found: "gone"'],
  [mounted({ mountPath: '' }), 'spec.containers[0].volumeMounts[0].mountPath', 'Required value'],
  [mounted({ subPath: '/abs' }), 'spec.containers[0].volumeMounts.subPath', 'Invalid value: "/abs": must be a relative path'],
  [mounted({ subPath: 'a/../../etc' }), 'spec.containers[0].volumeMounts.subPath', 'Invalid value: "a/../../etc": must not contain \'..\''],
  [mounted({ subPathExpr: '..' }), 'spec.containers[0].volumeMounts.subPathExpr', 'Invalid value: "..": must not contain \'..\''],
  [mounted({ subPath: 'a', subPathExpr: 'b' }), 'spec.containers[0].volumeMounts[0].subPathExpr', 'Invalid value: "b": subPathExpr and subPath are mutually exclusive'],
  [mounted({ mountPropagation: 'Bidirectional' }), 'spec.containers[0].volumeMounts.mountPropagation', 'Forbidden: Bidirectional mount propagation is available only to privileged containers'],
  [mounted({ recursiveReadOnly: 'Enabled' }), 'spec.containers[0].volumeMounts.recursiveReadOnly', 'Forbidden: may only be specified when readOnly is true'],
  [{ ...mounted({}), containers: [container({ volumeMounts: [{ name: 'v', mountPath: '/v' }, { name: 'v', mountPath: '/v' }] })] }, 'spec.containers[0].volumeMounts[1].mountPath', 'Invalid value: "/v": must be unique'],
  // Resources
  [resources({ limits: { cpu: 'lots' } }), 'spec.containers[0].resources.limits[cpu]', `Invalid value: "lots": ${quantityWords}`, { only: 'first' }],
  [resources({ requests: { memory: '-1' } }), 'spec.containers[0].resources.requests[memory]', 'Invalid value: "-1": must be greater than or equal to 0'],
  [resources({ requests: { cpu: '2' }, limits: { cpu: '1' } }), 'spec.containers[0].resources.requests', 'Invalid value: "2": must be less than or equal to cpu limit of 1'],
  [resources({ requests: { disk: '1' } }), 'spec.containers[0].resources.requests[disk]', 'Invalid value: "disk": must be a standard resource type or fully qualified', { only: 'first' }],
  [resources({ requests: { 'example.com/gpu': '1' } }), 'spec.containers[0].resources.limits', 'Required value: Limit must be set for non overcommitable resources'],
  [resources({ requests: { 'example.com/gpu': '1' }, limits: { 'example.com/gpu': '2' } }), 'spec.containers[0].resources.requests', 'Invalid value: "1": must be equal to example.com/gpu limit of 2'],
  [resources({ limits: { 'example.com/gpu': '1500m', cpu: '1' } }), 'spec.containers[0].resources.limits[example.com/gpu]', 'Invalid value: "1500m": must be an integer', { only: 'first' }],
  [resources({ limits: { 'hugepages-2Mi': '4Mi' } }), 'spec.containers[0].resources', 'Forbidden: HugePages require cpu or memory'],
  [resources({ claims: [{ name: 'gpu' }] }), 'spec.containers[0].resources.claims[0]', 'Not found: "gpu": must be one of the names in pod.spec.resourceClaims which is empty'],
  // Probes and hooks
  [one({ livenessProbe: {} }), 'spec.containers[0].livenessProbe', 'Required value: must specify a handler type'],
  [one({ livenessProbe: { ...tcp, exec: { command: ['x'] } } }), 'spec.containers[0].livenessProbe.tcpSocket', 'Forbidden: may not specify more than 1 handler type'],
  [one({ livenessProbe: { exec: {} } }), 'spec.containers[0].livenessProbe.exec.command', 'Required value'],
  [one({ livenessProbe: { ...tcp, successThreshold: 2 } }), 'spec.containers[0].livenessProbe.successThreshold', 'Invalid value: 2: must be 1'],
  [one({ readinessProbe: { ...tcp, periodSeconds: -1 } }), 'spec.containers[0].readinessProbe.periodSeconds', 'Invalid value: -1: must be greater than or equal to 0'],
  [one({ readinessProbe: { ...tcp, terminationGracePeriodSeconds: 5 } }), 'spec.containers[0].readinessProbe.terminationGracePeriodSeconds', 'Invalid value: 5: must not be set for readinessProbes'],
  [one({ startupProbe: { ...tcp, terminationGracePeriodSeconds: 0 } }), 'spec.containers[0].startupProbe.terminationGracePeriodSeconds', 'Invalid value: 0: must be greater than 0'],
  [one({ readinessProbe: { httpGet: { port: 0 } } }), 'spec.containers[0].readinessProbe.httpGet.port', 'Invalid value: 0: must be between 1 and 65535, inclusive'],
  [one({ readinessProbe: { httpGet: { port: 80, scheme: 'FTP' } } }), 'spec.containers[0].readinessProbe.httpGet.scheme', 'Unsupported value: "FTP": supported values: "HTTP", "HTTPS"'],
  [one({ readinessProbe: { grpc: { port: 70000 } } }), 'spec.containers[0].readinessProbe.grpc.port', 'Invalid value: 70000: must be between 1 and 65535, inclusive'],
  [one({ lifecycle: { preStop: {} } }), 'spec.containers[0].lifecycle.preStop', 'Required value: must specify a handler type'],
  [one({ lifecycle: { preStop: { sleep: { seconds: 31 } } } }), 'spec.containers[0].lifecycle.preStop.sleep', 'Invalid value: 31: must be non-negative and less than terminationGracePeriodSeconds (30)'],
  // Init, sidecar and ephemeral containers
  [withSpec({ initContainers: [container()] }), 'spec.initContainers[0].name', 'Duplicate value: "c"'],
  [init({ readinessProbe: tcp }), 'spec.initContainers[0].readinessProbe', 'Forbidden: may not be set for init containers without restartPolicy=Always'],
  [withSpec({ ephemeralContainers: [{ name: 'd', image }] }), 'spec.ephemeralContainers', 'Forbidden: cannot be set on create'],
  // The Pod
  [withSpec({ restartPolicy: 'Sometimes' }), 'spec.restartPolicy', 'Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never"'],
  [withSpec({ dnsPolicy: 'Cluster' }), 'spec.dnsPolicy', 'Unsupported value: "Cluster": supported values: "ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"'],
  [withSpec({ dnsPolicy: 'None' }), 'spec.dnsConfig', 'Required value: must provide `dnsConfig` when `dnsPolicy` is None'],
  [withSpec({ dnsConfig: { nameservers: ['nowhere'] } }), 'spec.dnsConfig.nameservers[0]', 'Invalid value: "nowhere": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'],
  [withSpec({ activeDeadlineSeconds: 0 }), 'spec.activeDeadlineSeconds', 'Invalid value: 0: must be between 1 and 2147483647, inclusive'],
  [withSpec({ hostname: 'a.b' }), 'spec.hostname', 'Invalid value: "a.b": must not contain dots'],
  [withSpec({ subdomain: 'A' }), 'spec.subdomain', label('A')],
  [withSpec({ nodeName: 'No' }), 'spec.nodeName', subdomain('No')],
  [withSpec({ serviceAccountName: 'a_b' }), 'spec.serviceAccountName', subdomain('a_b')],
  [withSpec({ priorityClassName: 'High' }), 'spec.priorityClassName', subdomain('High')],
  [withSpec({ preemptionPolicy: 'Maybe' }), 'spec.preemptionPolicy', 'Unsupported value: "Maybe": supported values: "PreemptLowerPriority", "Never"'],
  [withSpec({ hostAliases: [{ ip: 'x', hostnames: ['a'] }] }), 'spec.hostAliases[0].ip', 'Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'],
  [withSpec({ hostUsers: false, hostNetwork: true }), 'spec.hostNetwork', 'Forbidden: when `pod.Spec.HostUsers` is false'],
  [withSpec({ nodeName: 'n', schedulingGates: [{ name: 'example.com/g' }] }), 'spec.nodeName', 'Forbidden: cannot be set until all schedulingGates have been cleared'],
  [withSpec({ os: { name: 'plan9' } }), 'spec.os', 'Unsupported value: "plan9": supported values: "linux", "windows"'],
  // Security
  [withSpec({ securityContext: { runAsUser: -1 } }), 'spec.securityContext.runAsUser', 'Invalid value: -1: must be between 0 and 2147483647, inclusive'],
  [withSpec({ shareProcessNamespace: true, hostPID: true }), 'spec.securityContext.shareProcessNamespace', 'Invalid value: true: ShareProcessNamespace and HostPID cannot both be enabled'],
  [withSpec({ securityContext: { sysctls: [{ name: 'net/', value: '1' }] } }), 'spec.securityContext.sysctls[0].name', 'Invalid value: "net/": must have at most 253 characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$'],
  [withSpec({ hostNetwork: true, securityContext: { sysctls: [{ name: 'net.core.somaxconn', value: '1' }] } }), 'spec.securityContext.sysctls[0].name', 'Invalid value: "net.core.somaxconn": may not be specified when \'hostNetwork\' is true'],
  [withSpec({ securityContext: { seccompProfile: { type: 'Localhost' } } }), 'spec.securityContext.seccompProfile.localhostProfile', 'Required value: must be set when seccomp type is Localhost'],
  [one({ securityContext: { procMount: 'Unmasked' } }), 'spec.containers[0].securityContext.procMount', 'Invalid value: "Unmasked": `hostUsers` must be false to use `Unmasked`'],
  [one({ securityContext: { privileged: true, allowPrivilegeEscalation: false } }), 'spec.containers[0].securityContext', 'Invalid value: {"privileged":true,"allowPrivilegeEscalation":false}: cannot set `allowPrivilegeEscalation` to false and `privileged` to true'],
  // Scheduling
  [withSpec({ nodeSelector: { disk: 'a b' } }), 'spec.nodeSelector', `Invalid value: "a b": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')`],
  [withSpec({ tolerations: [{ operator: 'Equal' }] }), 'spec.tolerations[0].operator', 'Invalid value: "Equal": operator must be Exists when `key` is empty, which means "match all values and all keys"'],
  [withSpec({ tolerations: [{ key: 'k', operator: 'Exists', value: 'v' }] }), 'spec.tolerations[0].operator', "Invalid value: \"v\": value must be empty when `operator` is 'Exists'"],
  [withSpec({ tolerations: [{ key: 'k', tolerationSeconds: 5, effect: 'NoSchedule' }] }), 'spec.tolerations[0].effect', "Invalid value: \"NoSchedule\": effect must be 'NoExecute' when `tolerationSeconds` is set"],
  [withSpec({ tolerations: [{ key: 'k', effect: 'Never' }] }), 'spec.tolerations[0].effect', 'Unsupported value: "Never": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute"'],
  [affinity({ nodeAffinity: { [required]: { nodeSelectorTerms: [] } } }), `spec.affinity.nodeAffinity.${required}.nodeSelectorTerms`, 'Required value: must have at least one node selector term'],
  [affinity({ nodeAffinity: { [required]: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'a', operator: 'In' }] }] } } }), `spec.affinity.nodeAffinity.${required}.nodeSelectorTerms[0].matchExpressions[0].values`, "Required value: must be specified when `operator` is 'In' or 'NotIn'"],
  [affinity({ nodeAffinity: { [preferred]: [{ weight: 101, preference: {} }] } }), `spec.affinity.nodeAffinity.${preferred}[0].weight`, 'Invalid value: 101: must be in the range 1-100'],
  [affinity({ podAffinity: { [required]: [{ topologyKey: '' }] } }), `spec.affinity.podAffinity.${required}[0].topologyKey`, 'Required value: can not be empty', { only: 'first' }],
  [withSpec({ topologySpreadConstraints: [{ maxSkew: 0, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule' }] }), 'spec.topologySpreadConstraints[0].maxSkew', 'Invalid value: 0: must be greater than zero'],
  // Metadata
  [withSpec({}), 'metadata.name', subdomain('Web'), { name: 'Web' }],
  [withSpec({}), 'metadata.name', 'Required value: name or generateName is required', { name: '' }],
  [withSpec({}), 'metadata.labels', 'Invalid value: "": name part must be non-empty', { labels: { '': 'x' }, only: 'first' }],
  [withSpec({}), 'metadata.finalizers', 'Invalid value: "mine": name is neither a standard finalizer name nor is it fully qualified', { finalizers: ['mine'] }],
  [withSpec({}), 'metadata.ownerReferences.uid', 'Invalid value: "": must not be empty', { ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'p' }] }],
  [withSpec({}), 'metadata.annotations', 'Too long: must have at most 262144 bytes', { annotations: { big: 'x'.repeat(262_142) } }],
];

refuse('Pods', refused);

const accepted: Accepted = [
  [one({})],
  [{ containers: [container(), container({ name: 'd' })] }],
  [one({ image: 'registry.example.com:5000/a/b@sha256:abc' })],
  [one({ command: ['sh', '-c', 'sleep 1'], args: [], workingDir: '/' })],
  [one({ imagePullPolicy: 'Never', terminationMessagePolicy: 'FallbackToLogsOnError' })],
  [one({ stdin: true, stdinOnce: true, tty: true })],
  [one({ ports: [{ containerPort: 80 }, { containerPort: 80, protocol: 'UDP' }] })],
  [one({ ports: [{ name: 'http', containerPort: 80, hostPort: 8080, hostIP: '127.0.0.1' }] })],
  [one({ ports: [{ containerPort: 1, hostPort: 80 }, { containerPort: 2, hostPort: 80, protocol: 'UDP' }] })],
  [{ hostNetwork: true, containers: [container({ ports: [{ containerPort: 80 }] })] }],
  [one({ env: [{ name: 'A' }, { name: 'B.c-d', value: '$(A)' }, { name: '1', value: '' }] })],
  [one({ env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: "metadata.labels['app']" } } }] })],
  [one({ env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } }] })],
  [one({ env: [{ name: 'A', valueFrom: { resourceFieldRef: { resource: 'limits.memory', divisor: '1Mi' } } }] })],
  [one({ env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'c', key: 'k', optional: true } } }] })],
  [one({ env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 's', key: 'k.x_y' } } }] })],
  [one({ envFrom: [{ configMapRef: { name: 'c' } }, { prefix: 'S_', secretRef: { name: 's', optional: true } }] })],
  [volume({})],
  [volume({ emptyDir: { medium: 'Memory', sizeLimit: '64Mi' } })],
  [volume({ hostPath: { path: '/var/lib..x', type: 'DirectoryOrCreate' } })],
  [volume({ configMap: { name: 'c', optional: true, defaultMode: 0o400, items: [{ key: 'k', path: 'a/b', mode: 0o777 }] } })],
  [volume({ secret: { secretName: 's', items: [{ key: 'k', path: 'x' }] } })],
  [volume({ downwardAPI: { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }, { path: 'cpu', resourceFieldRef: { containerName: 'c', resource: 'limits.cpu' } }] } })],
  [{ ...volume({ projected: { sources: [{ serviceAccountToken: { path: 'token' } }, { configMap: { name: 'c' } }] } }), serviceAccountName: 'default' }],
  [volume({ persistentVolumeClaim: { claimName: 'p' } })],
  [volume({ image: { reference: 'localhost/x:1' } })],
  [volume({ ephemeral: { volumeClaimTemplate: { spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } } } })],
  [volume({ nfs: { server: 's', path: '/x' } })],
  [mounted({})],
  [mounted({ subPath: 'a/b..c', readOnly: true })],
  [mounted({ subPathExpr: '$(POD)/x' })],
  [mounted({ mountPropagation: 'HostToContainer' })],
  [mounted({ readOnly: true, recursiveReadOnly: 'IfPossible' })],
  [resources({ limits: { cpu: '500m', memory: '64Mi' } })],
  [resources({ requests: { cpu: '0.5', memory: '1e6', 'ephemeral-storage': '1Gi' } })],
  [resources({ requests: { cpu: '1' }, limits: { cpu: '1000m' } })],
  [resources({ limits: { 'example.com/gpu': '2' } })],
  [resources({ limits: { 'hugepages-2Mi': '4Mi', memory: '64Mi' } })],
  [one({ livenessProbe: { exec: { command: ['true'] }, initialDelaySeconds: 5, terminationGracePeriodSeconds: 1 } })],
  [one({ readinessProbe: { httpGet: { port: 'http', path: '/ready', httpHeaders: [{ name: 'X-A', value: '1' }] }, successThreshold: 3 } })],
  [one({ startupProbe: { grpc: { port: 9000 }, failureThreshold: 30 } })],
  [one({ lifecycle: { postStart: { exec: { command: ['x'] } }, preStop: { httpGet: { port: 80 } } } })],
  [one({ lifecycle: { preStop: { sleep: { seconds: 30 } } } })],
  [one({ lifecycle: { postStart: { tcpSocket: { port: 'http' } } } })],
  [init({})],
  [init({ restartPolicy: 'Always', readinessProbe: tcp, lifecycle: { preStop: { exec: { command: ['x'] } } } })],
  [withSpec({ restartPolicy: 'Never', activeDeadlineSeconds: 10 })],
  [withSpec({ terminationGracePeriodSeconds: 0 })],
  [withSpec({ dnsPolicy: 'None', dnsConfig: { nameservers: ['10.0.0.10'], searches: ['a.b.', '_x.y', '.'], options: [{ name: 'ndots', value: '5' }] } })],
  [withSpec({ hostname: 'h', subdomain: 's', setHostnameAsFQDN: true })],
  [withSpec({ hostAliases: [{ ip: '::1', hostnames: ['a.b'] }] })],
  [withSpec({ hostPID: true, hostIPC: true })],
  [withSpec({ shareProcessNamespace: true })],
  [withSpec({ serviceAccountName: 'sa.x', automountServiceAccountToken: false })],
  [withSpec({ imagePullSecrets: [{ name: 's' }] })],
  [withSpec({ securityContext: { runAsUser: 1000, fsGroup: 2000, supplementalGroups: [1, 2], fsGroupChangePolicy: 'OnRootMismatch', sysctls: [{ name: 'net.core.somaxconn', value: '1' }] } })],
  [withSpec({ securityContext: { seccompProfile: { type: 'RuntimeDefault' } } })],
  [one({ securityContext: { privileged: true, capabilities: { add: ['NET_ADMIN'], drop: ['ALL'] }, readOnlyRootFilesystem: true } })],
  [withSpec({ nodeSelector: { 'kubernetes.io/os': 'linux', empty: '' } })],
  [withSpec({ tolerations: [{ operator: 'Exists' }, { key: 'k', value: 'v', effect: 'NoExecute', tolerationSeconds: 0 }] })],
  [affinity({ nodeAffinity: { [required]: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'cores', operator: 'Gt', values: ['3'] }], matchFields: [{ key: 'metadata.name', operator: 'In', values: ['n1'] }] }] } } })],
  [affinity({ podAntiAffinity: { [required]: [{ topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { app: 'x' } } }], [preferred]: [{ weight: 1, podAffinityTerm: { topologyKey: 'zone' } }] } })],
  [withSpec({ topologySpreadConstraints: [{ maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'ScheduleAnyway', labelSelector: {} }] })],
  [withSpec({ schedulingGates: [{ name: 'example.com/gate' }] })],
  [withSpec({ readinessGates: [{ conditionType: 'example.com/ready' }] })],
  [withSpec({ overhead: { cpu: '10m', memory: '1Mi' }, runtimeClassName: 'gvisor' })],
  [withSpec({ priority: 0, preemptionPolicy: 'Never', priorityClassName: 'system-node-critical' })],
  [withSpec({ os: { name: 'linux' } })],
  [withSpec({}), { name: 'a.b-c', labels: { 'example.com/x': 'Y_z', y: '' }, annotations: { 'Example.com/Anything': '{"free": "text"}' } }],
  [withSpec({}), { name: 'web-x7', generateName: 'web-', finalizers: ['example.com/f', 'orphan'] }],
  [withSpec({}), { ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'r', uid: 'u', controller: true }] }],
];

accept('Pods', accepted);

function changed(change: (pod: Pod) => void, spec: Fields = one({ resources: { limits: { cpu: '1' } } })): { pod: Pod; before: Pod } {
  const before = newPod(spec);
  before.metadata.resourceVersion = '1';
  const pod = structuredClone(before);
  change(pod);
  return { pod, before };
}

const updates: readonly (readonly [what: string, change: (pod: Pod) => void, cause: string | undefined, spec?: Fields])[] = [
  ['nothing', () => {}, undefined],
  ['labels', (pod) => (pod.metadata.labels = { a: 'b' }), undefined],
  ['an image', (pod) => (pod.spec.containers[0]!.image = 'other:2'), undefined],
  ['a new deadline', (pod) => (pod.spec.activeDeadlineSeconds = 5), undefined],
  ['a longer deadline', (pod) => (pod.spec.activeDeadlineSeconds = 6), 'spec.activeDeadlineSeconds: Invalid value: 6: must be less than or equal to previous value', withSpec({ activeDeadlineSeconds: 5 })],
  ['no deadline any more', (pod) => delete pod.spec.activeDeadlineSeconds, 'spec.activeDeadlineSeconds: Invalid value: null: must not update from a positive integer to nil value', withSpec({ activeDeadlineSeconds: 5 })],
  ['one more toleration', (pod) => (pod.spec.tolerations = [{ key: 'a', operator: 'Exists' }]), undefined],
  ['one toleration less', (pod) => delete pod.spec.tolerations, 'spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds', withSpec({ tolerations: [{ key: 'a', operator: 'Exists' }] })],
  ['one more container', (pod) => pod.spec.containers.push({ name: 'd', image }), 'spec.containers: Forbidden: pod updates may not add or remove containers'],
  ['a gate taken away', (pod) => (pod.spec.schedulingGates = []), undefined, withSpec({ schedulingGates: [{ name: 'a.b/c' }] })],
  ['a gate put up', (pod) => (pod.spec.schedulingGates = [{ name: 'a.b/c' }]), "spec.schedulingGates[0].name: Forbidden: only deletion is allowed, but found new scheduling gate 'a.b/c'"],
  ['a narrower selector of a gated Pod', (pod) => (pod.spec.nodeSelector = { a: 'b' }), undefined, withSpec({ schedulingGates: [{ name: 'a.b/c' }] })],
  [
    'the restart policy',
    (pod) => (pod.spec.restartPolicy = 'Never'),
    'spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)\n  core.PodSpec{\n  \t... // 1 identical field\n- \tRestartPolicy: "Always",\n+ \tRestartPolicy: "Never",\n  \t... // 5 identical fields\n  }\n',
  ],
  [
    'the node',
    (pod) => (pod.spec.nodeName = 'n'),
    'spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)\n  core.PodSpec{\n  \t... // 7 identical fields\n+ \tNodeName: "n",\n  }\n',
  ],
];

test('what may change in a Pod, and what may not', () => {
  for (const [what, change, cause, spec] of updates) {
    const { pod, before } = changed(change, spec);
    const causes = pods.validateUpdate!(pod, before).map(({ field, message }) => `${field}: ${message}`);
    assert.deepEqual(causes, cause ? [cause] : [], what);
  }
});

test('a container that has ended for good does not run again', () => {
  const { pod, before } = changed(() => {}, withSpec({ restartPolicy: 'Never' }));
  before.status.containerStatuses = [{ name: 'c', state: { terminated: { exitCode: 0 } } } as never];
  pod.status.containerStatuses = [{ name: 'c', state: { running: {} } } as never];
  assert.deepEqual(pods.validateStatus!(pod, before), [
    { reason: 'FieldValueForbidden', field: 'status.containerStatuses[0].state', message: 'Forbidden: may not be transitioned to non-terminated state' },
  ]);
});
