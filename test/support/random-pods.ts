// Pods by chance, for properties: wild ones, of any shape that the schema has and some that it has not, and sensible ones, of
// which a server takes most and a node can make something.
import fc from '../../src/base/testing/fast-check.ts';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

type Json = Record<string, unknown>;
type Gen = fc.GeneratorValue;
interface Type {
  readonly type?: string;
  readonly name?: string;
  readonly scalar?: string;
  readonly items?: Type;
  readonly values?: Type;
  readonly properties?: Readonly<Record<string, Type>>;
}

const schema = JSON.parse(readFileSync(fileURLToPath(new URL('../../src/api/generated/schema.json', import.meta.url)), 'utf8')) as { definitions: Record<string, Type> };

const texts = [
  '', ' ', 'a', 'c', 'v', 'web', 'Web', 'a-b', 'a.b', 'a.b/c', 'a/b/c', '-', '.', '..', '../x', '/x', '/a/../b', 'x'.repeat(64), 'x'.repeat(300), '0', '80', '-1', '1Gi', '500m', '1e400', '0.5', '5%', '1.2.3.4', '::1', 'é', '🫛', '\u0000', '"\\', 
  'Always', 'Never', 'OnFailure', 'IfNotPresent', 'TCP', 'Exists', 'In', 'NotIn', 'Equal', 'NoExecute', 'NoSchedule', 'DoNotSchedule', 'ClusterFirst', 'None', 'Default', 'Localhost', 'RuntimeDefault', 'Unmasked', 'linux', 'windows', 'File', 'Memory', 'HTTP', 'metadata.name', "metadata.labels['a']", 'limits.cpu', 'v1', 'cpu', 'memory', 'hugepages-2Mi', 'example.com/gpu', 'Restart', 'localhost/busybox', '2026-01-01T00:00:00Z',
] as const;
const inherited = ['__proto__', 'constructor', 'toString', 'limits.constructor', 'hasOwnProperty'] as const;
const numbers = [-(2 ** 53), -(2 ** 31), -1, 0, 1, 2, 10, 80, 420, 511, 512, 600, 65535, 65536, 2 ** 31 - 1, 2 ** 31, 2 ** 53] as const;
const junk = [null, true, 0, 1.5, '', 'x', [], {}, [null], { a: 1 }] as const;

/** Any shape: types are mostly right, values seldom. */
export const wildPod: fc.Arbitrary<Json> = fc.gen().map((g) => {
  const pod = wild(g, 'io.k8s.api.core.v1.Pod', 7);
  const spec = (typeof pod['spec'] === 'object' && pod['spec'] !== null ? pod['spec'] : {}) as Json;
  // Most are given what every Pod must have, so that the rest of them is looked at.
  if (!often(g, 8)) return pod;
  const containers = Array.isArray(spec['containers']) ? (spec['containers'] as unknown[]) : [];
  const named = (containers.length > 0 ? containers : [{}]).map((container, index) => (isFields(container) ? { ...container, name: `c${index}`, image: 'i' } : container));
  return { ...pod, apiVersion: 'v1', kind: 'Pod', metadata: { ...(isFields(pod['metadata']) ? pod['metadata'] : {}), name: 'web', namespace: 'default', resourceVersion: undefined }, spec: { ...spec, containers: named } };
});

function wild(g: Gen, name: string, depth: number): Json {
  const { properties = {} } = schema.definitions[name] ?? {};
  const keys = Object.keys(properties);
  const object: Json = {};
  if (depth === 0 || keys.length === 0) return object;
  const count = roll(g, 0, Math.min(keys.length, depth > 4 ? 8 : 4));
  for (let n = 0; n < count; n++) {
    const key = pick(g, keys);
    object[key] = often(g, 1, 40) ? pick(g, junk) : wildValue(g, properties[key]!, depth - 1);
  }
  if (often(g, 1, 30)) object[pick(g, texts)] = pick(g, junk);
  return object;
}

function wildValue(g: Gen, type: Type, depth: number): unknown {
  switch (type.type) {
    case 'string':
      return word(g);
    case 'boolean':
      return g(fc.boolean);
    case 'int32':
    case 'int64':
    case 'double':
      return pick(g, numbers);
    case 'array':
      return Array.from({ length: roll(g, 0, 3) }, () => wildValue(g, type.items!, depth));
    case 'map':
      return Object.fromEntries(Array.from({ length: roll(g, 0, 3) }, () => [word(g), wildValue(g, type.values ?? { type: 'string' }, depth)]));
    case 'ref': {
      const scalar = schema.definitions[type.name!]?.scalar;
      if (scalar) return often(g, 1, 2) ? pick(g, texts) : pick(g, numbers);
      return wild(g, type.name!, depth);
    }
    default:
      return pick(g, junk);
  }
}

/** Now and then one that every object of JavaScript has already. */
function word(g: Gen): string {
  return pick(g, often(g, 1, 12) ? inherited : texts);
}

export interface Place {
  /** A directory of the test's own, for hostPath volumes. */
  readonly hostDir: string;
  readonly image: string;
}

/** What a user might write: most run or end, some cannot, and then someone must say why. */
export function sensiblePod(place: Place): fc.Arbitrary<Json> {
  return fc.gen().map((g) => sensible(g, place));
}

function sensible(g: Gen, { hostDir, image }: Place): { spec: Json } {
  const volumes = some(g, 3, (n) => ({ name: `v${n}`, ...volume(g, hostDir) }));
  const container = (name: string, lives: boolean): Json => ({ name, image: often(g, 1, 25) ? 'localhost/absent:1' : image, ...(often(g, 1, 3) ? { imagePullPolicy: pick(g, ['IfNotPresent', 'Never']) } : {}), command: command(g, lives), ...extras(g, volumes) });
  const ends = often(g, 1, 2);
  const initContainers = some(g, 2, (n) => (often(g, 1, 3) ? { ...container(`i${n}`, true), restartPolicy: 'Always' } : container(`i${n}`, false)));
  const containers = [container('c0', !ends), ...some(g, 2, (n) => container(`c${n + 1}`, !ends))];
  if (often(g, 1, 3)) Object.assign(containers[0]!, probes(g));
  return { spec: { containers, ...(initContainers.length > 0 ? { initContainers } : {}), ...(volumes.length > 0 ? { volumes } : {}), restartPolicy: pick(g, ['Always', 'OnFailure', 'Never', 'Never']), terminationGracePeriodSeconds: pick(g, [0, 1, 2]), ...around(g) } };
}

function command(g: Gen, lives: boolean): string[] {
  const script = lives ? pick(g, ['trap "exit 0" TERM; sleep 3600 & wait $!', 'trap "exit 3" TERM; while :; do sleep 1; done']) : pick(g, ['exit 0', 'exit 0', 'echo done', 'echo no >&2; exit 3', 'sleep 0.2', 'kill -9 $$', 'cat /dev/absent', 'env; id; hostname; mount >/dev/null']);
  return often(g, 1, 40) ? ['/absent/program'] : ['sh', '-c', script];
}

function volume(g: Gen, hostDir: string): Json {
  return pick(g, [
    () => ({ emptyDir: {} }),
    () => ({ emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } }),
    () => ({ hostPath: { path: `${hostDir}/${pick(g, ['a', 'b/c'])}`, type: pick(g, ['DirectoryOrCreate', 'Directory', 'FileOrCreate', 'Socket']) } }),
    () => ({ configMap: { name: pick(g, ['settings', 'absent']), optional: g(fc.boolean), defaultMode: pick(g, [0o400, 0o644, 0o777]) } }),
    () => ({ secret: { secretName: pick(g, ['absent', 'token']), optional: g(fc.boolean) } }),
    () => ({ downwardAPI: { items: [{ path: 'deep/labels', fieldRef: { fieldPath: 'metadata.labels' } }, { path: 'name', mode: 0o400, fieldRef: { fieldPath: 'metadata.name' } }] } }),
    () => ({ projected: { sources: [{ configMap: { name: 'settings', items: [{ key: 'a', path: 'x/y' }] } }, { downwardAPI: { items: [{ path: 'uid', fieldRef: { fieldPath: 'metadata.uid' } }] } }] } }),
  ])();
}

function extras(g: Gen, volumes: readonly Json[]): Json {
  const all: Json = {};
  const mounts = volumes.filter(() => often(g, 2, 3)).map((each, n) => ({ name: each['name'], mountPath: `/m${n}`, readOnly: g(fc.boolean), ...(often(g, 1, 6) ? { subPath: pick(g, ['a', 'a/b', 'name']) } : {}) }));
  if (mounts.length > 0) all['volumeMounts'] = mounts;
  if (often(g, 1, 2)) {
    all['env'] = some(g, 4, (n) => ({
      name: pick(g, [`A${n}`, 'with.dots', 'PATH2']),
      ...pick(g, [
        () => ({ value: pick(g, ['', 'x', '$(A0) $$(A0)', 'é🫛', 'line\nline']) }),
        () => ({ valueFrom: { fieldRef: { fieldPath: pick(g, ['metadata.name', 'status.podIP', 'spec.nodeName', "metadata.annotations['a']"]) } } }),
        () => ({ valueFrom: { resourceFieldRef: { resource: pick(g, ['limits.memory', 'requests.cpu', 'limits.cpu']), divisor: '1' } } }),
        () => ({ valueFrom: { configMapKeyRef: { name: 'settings', key: pick(g, ['a', 'absent']), optional: g(fc.boolean) } } }),
      ])(),
    }));
  }
  if (often(g, 1, 6)) all['envFrom'] = [{ prefix: 'P_', configMapRef: { name: pick(g, ['settings', 'absent']), optional: g(fc.boolean) } }];
  if (often(g, 1, 4)) all['ports'] = [{ containerPort: pick(g, [80, 8080]), ...(often(g, 1, 4) ? { hostPort: roll(g, 41000, 41999) } : {}) }];
  if (often(g, 1, 3)) all['resources'] = pick(g, [{ limits: { cpu: '100m', memory: '32Mi' } }, { requests: { cpu: '1m' } }, { requests: { memory: '8Mi' }, limits: { memory: '64Mi' } }]);
  if (often(g, 1, 60)) all['resources'] = pick(g, [{ requests: { cpu: '10000' } }, { limits: { 'example.com/gpu': '1' } }]);
  if (often(g, 1, 3)) {
    all['securityContext'] = pick(g, [{ runAsUser: 1000 }, { runAsNonRoot: true }, { runAsUser: 65534, runAsGroup: 65534, runAsNonRoot: true }, { readOnlyRootFilesystem: true }, { capabilities: { drop: ['ALL'] } }, { capabilities: { add: ['NET_ADMIN'] } }, { allowPrivilegeEscalation: false }, { privileged: true }, { seccompProfile: { type: 'RuntimeDefault' } }, { seccompProfile: { type: 'Localhost', localhostProfile: 'absent.json' } }, { seLinuxOptions: { level: 's0' } }]);
  }
  if (often(g, 1, 8)) all['workingDir'] = pick(g, ['/', '/made/here']);
  if (often(g, 1, 8)) all['terminationMessagePath'] = '/tmp/end';
  if (often(g, 1, 8)) Object.assign(all, { stdin: true, tty: g(fc.boolean) });
  return all;
}

function probes(g: Gen): Json {
  const handler = pick(g, [{ exec: { command: ['true'] } }, { exec: { command: ['false'] } }, { tcpSocket: { port: 9 } }, { httpGet: { port: 'absent' } }, { grpc: { port: 9 } }]);
  const probe = { ...handler, periodSeconds: 1, failureThreshold: pick(g, [1, 3]) };
  const hook = pick(g, [{ exec: { command: ['sh', '-c', 'exit 1'] } }, { exec: { command: ['true'] } }, { sleep: { seconds: 0 } }, { httpGet: { port: 9 } }]);
  return pick(g, [{ readinessProbe: probe }, { livenessProbe: probe }, { startupProbe: probe }, { lifecycle: { preStop: hook } }, { lifecycle: { postStart: hook } }]);
}

function around(g: Gen): Json {
  const all: Json = {};
  const maybe = (inHow: number, make: () => Json) => {
    if (often(g, 1, inHow)) Object.assign(all, make());
  };
  maybe(6, () => ({ securityContext: pick(g, [{ runAsUser: 1000, fsGroup: 2000 }, { supplementalGroups: [1, 2], fsGroupChangePolicy: 'OnRootMismatch' }, { sysctls: [{ name: 'net.ipv4.ip_local_port_range', value: '20000 30000' }] }, { sysctls: [{ name: 'kernel.msgmax', value: '65536' }] }, { seccompProfile: { type: 'RuntimeDefault' } }, { supplementalGroupsPolicy: 'Strict' }]) }));
  maybe(8, () => ({ shareProcessNamespace: true }));
  maybe(12, () => pick(g, [{ hostPID: true }, { hostIPC: true }, { hostNetwork: true }, { hostUsers: false }]));
  maybe(8, () => ({ hostname: 'other', subdomain: pick(g, ['', 'sub']), setHostnameAsFQDN: g(fc.boolean) }));
  maybe(8, () => ({ dnsPolicy: pick(g, ['Default', 'None', 'ClusterFirst']), dnsConfig: { nameservers: ['10.0.0.1'], searches: ['a.b'], options: [{ name: 'ndots', value: '2' }] } }));
  maybe(8, () => ({ hostAliases: [{ ip: '10.1.2.3', hostnames: ['elsewhere'] }] }));
  maybe(6, () => ({ activeDeadlineSeconds: pick(g, [1, 2, 600]) }));
  maybe(40, () => ({ nodeSelector: { disk: 'none' } }));
  maybe(40, () => ({ schedulingGates: [{ name: 'example.com/wait' }] }));
  maybe(8, () => ({ tolerations: [{ operator: 'Exists' }] }));
  maybe(40, () => ({ affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { fuzz: 'x' } } }] } } }));
  maybe(10, () => ({ topologySpreadConstraints: [{ maxSkew: 1, topologyKey: 'kubernetes.io/hostname', whenUnsatisfiable: 'ScheduleAnyway', labelSelector: {} }] }));
  maybe(8, () => ({ automountServiceAccountToken: g(fc.boolean) }));
  maybe(10, () => ({ priorityClassName: 'system-node-critical' }));
  maybe(12, () => ({ readinessGates: [{ conditionType: 'example.com/ready' }] }));
  maybe(14, () => ({ os: { name: pick(g, ['linux', 'linux', 'windows']) } }));
  maybe(8, () => ({ enableServiceLinks: false }));
  maybe(12, () => ({ resources: { limits: { cpu: '1', memory: '128Mi' } } }));
  return all;
}

/** Sensible but for a field or three. */
export function bentPod(place: Place): fc.Arbitrary<Json> {
  return fc.gen().map((g) => {
    const pod = sensible(g, place);
    for (let n = roll(g, 1, 3); n > 0; n--) {
      const parts = (list: string, name: string) => ((pod.spec[list] as unknown[] | undefined) ?? []).filter(isFields).map((each) => [each, name] as const);
      const [target, name] = pick(g, [[pod.spec, 'PodSpec'] as const, ...parts('containers', 'Container'), ...parts('initContainers', 'Container'), ...parts('volumes', 'Volume')]);
      const { properties = {} } = schema.definitions[`io.k8s.api.core.v1.${name}`]!;
      const key = pick(g, Object.keys(properties));
      target[key] = wildValue(g, properties[key]!, 3);
    }
    return pod;
  });
}

function some<T>(g: Gen, most: number, make: (n: number) => T): T[] {
  return Array.from({ length: roll(g, 0, most) }, (_, n) => make(n));
}

function pick<T>(g: Gen, from: readonly T[]): T {
  return from[roll(g, 0, from.length - 1)]!;
}

/** Each as likely: not what fast-check prefers, which is the ends. */
function roll(g: Gen, min: number, max: number): number {
  return g(() => fc.noBias(fc.integer({ min, max })));
}

/** `times` in `inHow`. */
function often(g: Gen, times: number, inHow = 10): boolean {
  return roll(g, 1, inHow) <= times;
}

function isFields(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
