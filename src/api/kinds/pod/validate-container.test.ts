import { accept, container, image, init, label, one, refuse, tcp, withSpec, type Accepted, type Fields, type Refused } from './pod-rows.ts';

const at = 'spec.containers[0]';
const env = (valueFrom: Fields): Fields => one({ env: [{ name: 'A', valueFrom }] });
const file = (fileKeyRef: Fields, volume: Fields = { emptyDir: {} }): Fields => ({ ...env({ fileKeyRef: { volumeName: 'v', path: 'a.env', key: 'K', ...fileKeyRef } }), volumes: [{ name: 'v', ...volume }] });
const rules = (...restartPolicyRules: Fields[]): Fields => one({ restartPolicy: 'Never', restartPolicyRules });
const onExit = (exitCodes: Fields, action = 'Restart'): Fields => ({ action, exitCodes });
const stops = (stopSignal: string, os?: string): Fields => ({ ...one({ lifecycle: { stopSignal } }), ...(os ? { os: { name: os } } : {}) });
const probe = (fields: Fields): Fields => one({ livenessProbe: fields });
const ports = (...list: Fields[]): Fields => one({ ports: list });
const long = (length: number) => 'x'.repeat(length);

const refused: Refused = [
  // Names
  [one({ name: long(64) }), `${at}.name`, 'Invalid value: "' + long(64) + '": must be no more than 63 characters'],
  [withSpec({ initContainers: [{ name: 'i', image }, { name: 'i', image }] }), 'spec.initContainers[1].name', 'Duplicate value: "i"'],
  [init({ name: 'I' }), 'spec.initContainers[0].name', label('I')],
  [init({ image: '' }), 'spec.initContainers[0].image', 'Required value'],
  [init({ image: 'x ' }), 'spec.initContainers[0].image', 'Invalid value: "x ": must not have leading or trailing whitespace'],
  // Restarts
  [one({ restartPolicy: 'Sometimes' }), `${at}.restartPolicy`, 'Unsupported value: "Sometimes": supported values: "Always", "Never", "OnFailure"'],
  [init({ restartPolicy: '' }), 'spec.initContainers[0].restartPolicy', 'Unsupported value: "": supported values: "Always", "Never", "OnFailure"'],
  [one({ restartPolicyRules: [onExit({ operator: 'In', values: [1] })] }), `${at}.restartPolicy`, 'Required value: must specify restartPolicy when restart rules are used'],
  [rules(onExit({ operator: 'In', values: [1] }, 'Stop')), `${at}.restartPolicyRules[0].action`, 'Unsupported value: "Stop": supported values: "Restart"'],
  [rules({ action: 'Restart' }), `${at}.restartPolicyRules[0].exitCodes`, 'Required value: must be specified'],
  [rules(onExit({ operator: 'Is', values: [1] })), `${at}.restartPolicyRules[0].exitCodes.operator`, 'Unsupported value: "Is": supported values: "In", "NotIn"'],
  [rules(onExit({ operator: 'In', values: Array.from({ length: 256 }, (_, n) => n) })), `${at}.restartPolicyRules[0].exitCodes.values`, 'Too many: 256: must have at most 255 items'],
  [rules(...Array.from({ length: 21 }, () => onExit({ operator: 'In', values: [1] }))), `${at}.restartPolicyRules`, 'Too many: 21: must have at most 20 items'],
  // Ports
  [ports({ containerPort: -1 }), `${at}.ports[0].containerPort`, 'Invalid value: -1: must be between 1 and 65535, inclusive'],
  [ports({ containerPort: 80, hostPort: 70000 }), `${at}.ports[0].hostPort`, 'Invalid value: 70000: must be between 1 and 65535, inclusive'],
  [ports({ containerPort: 80, name: '80' }), `${at}.ports[0].name`, 'Invalid value: "80": must contain at least one letter (a-z)'],
  [ports({ containerPort: 80, name: '-a' }), `${at}.ports[0].name`, 'Invalid value: "-a": must not begin or end with a hyphen'],
  [ports({ containerPort: 80, name: 'HTTP' }), `${at}.ports[0].name`, 'Invalid value: "HTTP": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)', { only: 'first' }],
  [ports({ containerPort: 80, name: 'a234567890123456' }), `${at}.ports[0].name`, 'Invalid value: "a234567890123456": must be no more than 15 characters'],
  [{ containers: [container({ ports: [{ containerPort: 1, hostPort: 80, hostIP: '127.0.0.1' }] }), container({ name: 'd', ports: [{ containerPort: 2, hostPort: 80, hostIP: '127.0.0.1' }] })] }, 'spec.containers[1].ports[0].hostPort', 'Duplicate value: "TCP/127.0.0.1/80"'],
  // Environment
  [one({ env: [{ name: 'A\n' }] }), `${at}.env[0].name`, 'Invalid value: "A\\n": a valid environment variable name must consist only of printable ASCII characters other than \'=\''],
  [one({ envFrom: [{ prefix: 'a=', secretRef: { name: 's' } }] }), `${at}.envFrom[0].prefix`, 'Invalid value: "a=": a valid environment variable name must consist only of printable ASCII characters other than \'=\''],
  [one({ envFrom: [{ secretRef: { name: 'S' } }] }), `${at}.envFrom[0].secretRef.name`, 'Invalid value: "S": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, \'-\' or \'.\', and must start and end with an alphanumeric character (e.g. \'example.com\', regex used for validation is \'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\')'],
  [one({ envFrom: [{ secretRef: { name: 's' }, configMapRef: { name: 'c' } }] }), `${at}.envFrom`, 'Invalid value: "": may not have more than one field specified at a time'],
  [env({ fieldRef: { fieldPath: 'metadata.name' }, secretKeyRef: { name: 's', key: 'k' } }), `${at}.env[0].valueFrom`, 'Invalid value: "": may not have more than one field specified at a time'],
  [env({ fieldRef: {} }), `${at}.env[0].valueFrom.fieldRef.fieldPath`, 'Required value'],
  [env({ fieldRef: { apiVersion: 'v2', fieldPath: 'metadata.name' } }), `${at}.env[0].valueFrom.fieldRef.fieldPath`, 'Invalid value: "metadata.name": error converting fieldPath: unsupported pod version: v2'],
  [env({ fieldRef: { fieldPath: "metadata.name['x']" } }), `${at}.env[0].valueFrom.fieldRef.fieldPath`, 'Invalid value: "metadata.name[\'x\']": error converting fieldPath: field label does not support subscript: metadata.name[\'x\']'],
  [env({ fieldRef: { fieldPath: "metadata.labels['']" } }), `${at}.env[0].valueFrom.fieldRef`, 'Invalid value: "": name part must be non-empty', { only: 'first' }],
  [env({ resourceFieldRef: { resource: '' } }), `${at}.env[0].valueFrom.resourceFieldRef.resource`, 'Required value'],
  [env({ resourceFieldRef: { resource: 'limits.gpu' } }), `${at}.env[0].valueFrom.resourceFieldRef.resource`, 'Unsupported value: "limits.gpu": supported values: "limits.cpu", "limits.ephemeral-storage", "limits.memory", "requests.cpu", "requests.ephemeral-storage", "requests.memory"'],
  [env({ resourceFieldRef: { resource: 'requests.memory', divisor: '3Mi' } }), `${at}.env[0].valueFrom.resourceFieldRef.divisor`, 'Invalid value: "requests.memory": only divisor\'s values 1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei are supported with the memory resource'],
  [env({ resourceFieldRef: { resource: 'limits.hugepages-2Mi', divisor: '2' } }), `${at}.env[0].valueFrom.resourceFieldRef.divisor`, 'Invalid value: "limits.hugepages-2Mi": only divisor\'s values 1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei are supported with the hugepages resource'],
  [env({ configMapKeyRef: { name: 'c', key: 'a/b' } }), `${at}.env[0].valueFrom.configMapKeyRef.key`, "Invalid value: \"a/b\": a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"],
  [env({ secretKeyRef: { name: 's', key: '..' } }), `${at}.env[0].valueFrom.secretKeyRef.key`, "Invalid value: \"..\": must not be '..'"],
  [file({ volumeName: '' }), `${at}.env[0].valueFrom.fileKeyRef.volumeName`, 'Required value'],
  [file({ volumeName: 'w' }), `${at}.env[0].valueFrom.fileKeyRef.volumeName`, 'Not found: "w"'],
  [file({ path: '' }), `${at}.env[0].valueFrom.fileKeyRef.path`, 'Required value'],
  [file({ path: '../a' }), `${at}.env[0].valueFrom.fileKeyRef.path`, "Invalid value: \"../a\": must not contain '..'"],
  [file({ key: '' }), `${at}.env[0].valueFrom.fileKeyRef.key`, 'Required value'],
  [file({}, { hostPath: { path: '/x' } }), `${at}.env[0].valueFrom.fileKeyRef.volumeName`, 'Invalid value: "v": must be the name of an emptyDir volume'],
  // Probes and hooks
  [probe({ ...tcp, initialDelaySeconds: -1 }), `${at}.livenessProbe.initialDelaySeconds`, 'Invalid value: -1: must be greater than or equal to 0'],
  [probe({ ...tcp, timeoutSeconds: -1 }), `${at}.livenessProbe.timeoutSeconds`, 'Invalid value: -1: must be greater than or equal to 0'],
  [probe({ ...tcp, failureThreshold: -1 }), `${at}.livenessProbe.failureThreshold`, 'Invalid value: -1: must be greater than or equal to 0'],
  [probe({ tcpSocket: { port: 'no good' } }), `${at}.livenessProbe.tcpSocket.port`, 'Invalid value: "no good": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)'],
  [probe({ httpGet: { port: 80, httpHeaders: [{ name: 'a b', value: '' }] } }), `${at}.livenessProbe.httpGet.httpHeaders`, "Invalid value: \"a b\": a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')"],
  [probe({ grpc: { port: 0 } }), `${at}.livenessProbe.grpc.port`, 'Invalid value: 0: must be between 1 and 65535, inclusive'],
  [probe({ ...tcp, grpc: { port: 1 } }), `${at}.livenessProbe.grpc`, 'Forbidden: may not specify more than 1 handler type'],
  [one({ startupProbe: { ...tcp, successThreshold: 3 } }), `${at}.startupProbe.successThreshold`, 'Invalid value: 3: must be 1'],
  [one({ lifecycle: { postStart: { sleep: { seconds: -1 } } } }), `${at}.lifecycle.postStart.sleep`, 'Invalid value: -1: must be non-negative and less than terminationGracePeriodSeconds (30)'],
  [one({ lifecycle: { preStop: { exec: { command: [] } } } }), `${at}.lifecycle.preStop.exec.command`, 'Required value'],
  [init({ lifecycle: {} }), 'spec.initContainers[0].lifecycle', 'Forbidden: may not be set for init containers without restartPolicy=Always'],
  [init({ livenessProbe: tcp }), 'spec.initContainers[0].livenessProbe', 'Forbidden: may not be set for init containers without restartPolicy=Always'],
  [init({ restartPolicy: 'OnFailure', startupProbe: tcp }), 'spec.initContainers[0].startupProbe', 'Forbidden: may not be set for init containers without restartPolicy=Always'],
  [init({ restartPolicy: 'Always', startupProbe: {} }), 'spec.initContainers[0].startupProbe', 'Required value: must specify a handler type'],
  [stops('SIGUSR1'), `${at}.lifecycle.stopSignal`, 'Forbidden: may not be set for containers with empty `spec.os.name`'],
  [stops('SIGUSR1', 'windows'), `${at}.lifecycle.stopSignal`, 'Unsupported value: "SIGUSR1": supported values: "SIGKILL", "SIGTERM"'],
  // What every object of JavaScript has is nothing here
  [env({ resourceFieldRef: { resource: 'limits.constructor', divisor: '1' } }), `${at}.env[0].valueFrom.resourceFieldRef.resource`, 'Unsupported value: "limits.constructor": supported values: "limits.cpu", "limits.ephemeral-storage", "limits.memory", "requests.cpu", "requests.ephemeral-storage", "requests.memory"'],
  [stops('SIGTERM', 'constructor'), 'spec.os', 'Unsupported value: "constructor": supported values: "linux", "windows"'],
  // Resizing
  [one({ resizePolicy: [{ resourceName: 'cpu', restartPolicy: 'NotRequired' }, { resourceName: 'cpu', restartPolicy: 'NotRequired' }] }), `${at}.resizePolicy[1]`, 'Duplicate value: "cpu"'],
  [one({ resizePolicy: [{ resourceName: 'disk', restartPolicy: 'NotRequired' }] }), `${at}.resizePolicy`, 'Unsupported value: "disk": supported values: "cpu", "memory"'],
  [one({ resizePolicy: [{ resourceName: 'cpu', restartPolicy: 'Maybe' }] }), `${at}.resizePolicy`, 'Unsupported value: "Maybe": supported values: "NotRequired", "RestartContainer"'],
  [{ ...one({ resizePolicy: [{ resourceName: 'cpu', restartPolicy: 'RestartContainer' }] }), restartPolicy: 'Never' }, `${at}.resizePolicy`, "Invalid value: \"RestartContainer\": must be 'NotRequired' when `restartPolicy` is 'Never'"],
];

refuse('containers', refused);

const signals = ['SIGTERM', 'SIGUSR1', 'SIGRTMIN+15', 'SIGRTMAX-14', 'SIGKILL'];
const fields = ['metadata.name', 'metadata.namespace', 'metadata.uid', 'spec.nodeName', 'spec.serviceAccountName', 'status.hostIP', 'status.hostIPs', 'status.podIP', 'status.podIPs', "metadata.annotations['Example.com/x']", 'spec.host'];

const accepted: Accepted = [
  [one({ name: 'x'.repeat(63) })],
  [one({ image: 'a/b/c:tag' })],
  [one({ restartPolicy: 'Never' })],
  [one({ restartPolicy: 'Always' })],
  [init({ restartPolicy: 'OnFailure' })],
  [rules(onExit({ operator: 'In', values: [42] }))],
  [rules(onExit({ operator: 'NotIn', values: [] }), onExit({ operator: 'In' }))],
  [ports({ containerPort: 65535, protocol: 'SCTP' })],
  [ports({ containerPort: 80, hostPort: 80, hostIP: '127.0.0.1' }, { containerPort: 81, hostPort: 80, hostIP: '127.0.0.2' })],
  [ports({ containerPort: 80, name: 'web' }, { containerPort: 81, name: 'admin-1' })],
  [{ containers: [container({ ports: [{ name: 'web', containerPort: 80 }] }), container({ name: 'd', ports: [{ name: 'web', containerPort: 80 }] })] }],
  [withSpec({ initContainers: [{ name: 'i', image, ports: [{ containerPort: 1, hostPort: 80 }] }, { name: 'j', image, ports: [{ containerPort: 1, hostPort: 80 }] }] })],
  ...fields.map((fieldPath) => [env({ fieldRef: { fieldPath } })] as const),
  ...['limits.cpu', 'requests.cpu', 'limits.memory', 'requests.ephemeral-storage', 'limits.hugepages-2Mi'].map((resource) => [env({ resourceFieldRef: { resource } })] as const),
  [env({ resourceFieldRef: { resource: 'requests.cpu', divisor: '1m', containerName: 'other' } })],
  [file({})],
  [file({ path: 'deep/er.env', key: 'a.b-c', optional: true })],
  [one({ env: [{ name: 'with spaces in it', value: '=' }, { name: 'A', value: 'first' }, { name: 'A', value: 'last' }] })],
  [one({ envFrom: [{ prefix: '1.', configMapRef: { name: 'a.b', optional: true } }] })],
  [probe({ exec: { command: ['a'] }, initialDelaySeconds: 0, timeoutSeconds: 0 })],
  [probe({ httpGet: { port: 65535, scheme: 'HTTPS', host: 'example.com', path: 'no-slash' } })],
  [probe({ grpc: { port: 1, service: 'health' }, terminationGracePeriodSeconds: 1 })],
  [one({ readinessProbe: { ...tcp, successThreshold: 5, failureThreshold: 1 }, startupProbe: tcp, livenessProbe: tcp })],
  [one({ lifecycle: {} })],
  [one({ lifecycle: { preStop: { sleep: { seconds: 0 } }, postStart: { httpGet: { port: 'web' } } } })],
  [{ ...one({ lifecycle: { preStop: { sleep: { seconds: 60 } } } }), terminationGracePeriodSeconds: 60 }],
  ...signals.map((signal) => [stops(signal, 'linux')] as const),
  [stops('SIGTERM', 'windows')],
  [init({ restartPolicy: 'Always', livenessProbe: tcp, readinessProbe: tcp, startupProbe: tcp, lifecycle: { postStart: { exec: { command: ['x'] } } } })],
  [one({ resizePolicy: [{ resourceName: 'cpu', restartPolicy: 'NotRequired' }, { resourceName: 'memory', restartPolicy: 'RestartContainer' }] })],
  [init({ resizePolicy: [{ resourceName: 'cpu', restartPolicy: 'NotRequired' }] })],
  [one({ terminationMessagePath: '/x', terminationMessagePolicy: 'File', workingDir: 'relative' })],
  [withSpec({ initContainers: Array.from({ length: 20 }, (_, n) => ({ name: `i${n}`, image })) })],
];

accept('containers', accepted);
