// Who asks for what is to be used no more is told so, in upstream's words: in the head of each answer, in the metrics and in the
// audit log.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { AuditLog } from '../../src/server/audit/audit-log.ts';
import { createAuthenticator } from '../../src/server/auth/authenticate.ts';
import { createAuthority, issueCertificate } from '../../src/server/auth/certificates.ts';
import { clock, startControlCluster, type ControlCluster } from './control-cluster.ts';
import { callOverHttps, type Answer } from './https-caller.ts';

let cluster: ControlCluster;
let call: (method: string, path: string, body?: unknown, headers?: Record<string, string>) => Promise<Answer>;
const audited: any[] = [];

before(async () => {
  const authority = await createAuthority('ca', clock);
  const server = await issueCertificate(authority, { commonName: 'server', ipAddresses: ['127.0.0.1'], days: 1, usages: ['server'] }, clock);
  const admin = await issueCertificate(authority, { commonName: 'admin', organizations: ['system:masters'], days: 1, usages: ['client'] }, clock);
  const backend = { name: 'test', lost: 0, take: (event: string) => void audited.push(JSON.parse(event)), close: () => Promise.resolve() };
  const audit = new AuditLog({ decide: () => ({ level: 'Metadata', omitStages: new Set(), omitManagedFields: false }), backends: [backend], clock });
  const components = { scheduler: () => undefined, 'controller-manager': () => 'it is not there' };
  cluster = await startControlCluster({ scheduler: false, controllers: false, authenticate: createAuthenticator({ tokens: new Map() }), audit, components });
  const { port } = await cluster.server.listen({ host: '127.0.0.1', port: 0, key: server.keyPem, cert: server.certPem, clientCa: authority.certPem });
  call = (method, path, body, headers) => callOverHttps({ port, ca: authority.certPem }, admin, method, path, body, headers);
});
after(() => cluster[Symbol.asyncDispose]());

const words: readonly (readonly [path: string, warning: string])[] = [
  ['/api/v1/endpoints', 'v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice'],
  ['/apis/policy/v1beta1/poddisruptionbudgets', 'policy/v1beta1 PodDisruptionBudget is deprecated in v1.21+, unavailable in v1.25+; use policy/v1 PodDisruptionBudget'],
  ['/apis/batch/v1beta1/cronjobs', 'batch/v1beta1 CronJob is deprecated in v1.21+, unavailable in v1.25+; use batch/v1 CronJob'],
  ['/apis/events.k8s.io/v1beta1/events', 'events.k8s.io/v1beta1 Event is deprecated in v1.22+, unavailable in v1.25+'],
  ['/apis/extensions/v1beta1/ingresses', 'extensions/v1beta1 Ingress is deprecated in v1.14+, unavailable in v1.22+; use networking.k8s.io/v1 Ingress'],
  ['/apis/networking.k8s.io/v1beta1/ingressclasses', 'networking.k8s.io/v1beta1 IngressClass is deprecated in v1.19+, unavailable in v1.22+; use networking.k8s.io/v1 IngressClassList'],
  ['/apis/scheduling.k8s.io/v1beta1/priorityclasses', 'scheduling.k8s.io/v1beta1 PriorityClass is deprecated in v1.14+, unavailable in v1.22+; use scheduling.k8s.io/v1 PriorityClass'],
];

test('lists, watches, tables, errors and writes of old versions say what to use instead', async () => {
  for (const [path, warning] of words) {
    assert.deepEqual((await call('GET', path)).warnings, [warning]);
    assert.deepEqual((await call('GET', path, undefined, { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' })).warnings, [warning]);
  }
  const [path, warning] = words[1]!;
  assert.deepEqual((await call('GET', `${path}?watch=true&timeoutSeconds=1`)).warnings, [warning]);
  const ours = path.replace('/pod', '/namespaces/default/pod');
  assert.deepEqual((await call('GET', `${ours}/none`)).warnings, [warning]);
  const made = await call('POST', ours, { metadata: { name: 'one' }, spec: { minAvailable: 1, nonsense: 1 } });
  assert.deepEqual([made.code, made.warnings], [201, [warning, 'unknown field "spec.nonsense"']]);
  assert.deepEqual((await call('GET', `${ours}/one/status`)).warnings, [warning]);
  assert.deepEqual((await call('DELETE', `${ours}/one`)).warnings, [warning]);
  assert.deepEqual((await call('GET', '/apis/policy/v1/poddisruptionbudgets')).warnings, []);
});

test('every version that discovery has beside a newer one is known to be old', async () => {
  const groups = (await call('GET', '/apis')).body.groups as { name: string; versions: { groupVersion: string; version: string }[] }[];
  let count = 0;
  for (const { groupVersion, version } of groups.flatMap(({ versions }) => versions.slice(1))) {
    for (const { name, verbs } of (await call('GET', `/apis/${groupVersion}`)).body.resources as { name: string; verbs: string[] }[]) {
      if (name.includes('/')) continue;
      const { warnings } = verbs.includes('list') ? await call('GET', `/apis/${groupVersion}/${name}`) : await call('POST', `/apis/${groupVersion}/${name === 'localsubjectaccessreviews' ? `namespaces/default/${name}` : name}`, {});
      if (version === 'v1' || isNew.has(`${groupVersion}/${name}`)) assert.deepEqual(warnings, [], `${groupVersion}/${name}`);
      else assert.match(warnings[0] ?? '', new RegExp(`^${groupVersion} \\w+ is deprecated in v1\\.\\d+\\+`), `${groupVersion}/${name}`);
      count++;
    }
  }
  assert.ok(count > 30);
});
/** Betas that are younger than their deprecation. */
const isNew: ReadonlySet<string> = new Set(['mutatingadmissionpolicies', 'mutatingadmissionpolicybindings'].map((name) => `admissionregistration.k8s.io/v1beta1/${name}`));

test('they are counted, and the audit log knows', async () => {
  const { text } = await call('GET', '/metrics');
  assert.match(text, /^apiserver_requested_deprecated_apis\{group="batch",removed_release="1\.25",resource="cronjobs",subresource="",version="v1beta1"\} 1$/m);
  assert.match(text, /^apiserver_requested_deprecated_apis\{group="policy",removed_release="1\.25",resource="poddisruptionbudgets",subresource="status",version="v1beta1"\} 1$/m);
  assert.match(text, /^apiserver_requested_deprecated_apis\{group="",removed_release="",resource="endpoints",subresource="",version="v1"\} 1$/m);
  assert.doesNotMatch(text, /requested_deprecated_apis\{group="policy",[^}]*version="v1"\}/);
  const annotationsOf = (uri: string) => audited.find(({ requestURI, stage }) => requestURI === uri && stage === 'ResponseComplete').annotations;
  const { 'k8s.io/deprecated': deprecated, 'k8s.io/removed-release': removed } = annotationsOf('/apis/batch/v1beta1/cronjobs');
  assert.deepEqual([deprecated, removed], ['true', '1.25']);
  assert.equal(annotationsOf('/apis/policy/v1/poddisruptionbudgets')['k8s.io/deprecated'], undefined);
});

test('the parts of the control plane: list, get, table, selectors', async () => {
  const path = '/api/v1/componentstatuses';
  const list = await call('GET', path);
  assert.deepEqual(list.warnings, ['v1 ComponentStatus is deprecated in v1.19+']);
  assert.deepEqual([list.body.kind, list.body.items.map(({ metadata, conditions }: any) => [metadata.name, conditions])], ['ComponentStatusList', [
    ['scheduler', [{ type: 'Healthy', status: 'True', message: 'ok' }]],
    ['controller-manager', [{ type: 'Healthy', status: 'False', message: 'it is not there' }]],
    ['etcd-0', [{ type: 'Healthy', status: 'True', message: 'ok' }]],
  ]]);
  assert.equal((await call('GET', `${path}/etcd-0`)).body.metadata.name, 'etcd-0');
  assert.deepEqual((await call('GET', `${path}?fieldSelector=metadata.name%3Dscheduler`)).body.items.length, 1);
  const { code, body } = await call('GET', `${path}/none`);
  assert.deepEqual([code, body.message], [404, 'componentstatuses "none" not found']);
  const table = (await call('GET', path, undefined, { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' })).body;
  assert.deepEqual([table.columnDefinitions.map(({ name }: any) => name), table.rows[1].cells], [['Name', 'Status', 'Message', 'Error'], ['controller-manager', 'Unhealthy', 'it is not there', '']]);
  assert.equal((await call('POST', path, {})).code, 405);
});

test('fields that are accepted and are not as they were meant', async () => {
  const told = async (path: string, body: object) => {
    const { code, warnings, text } = await call('POST', `${path}?dryRun=All`, body);
    assert.equal(code, 201, text);
    return warnings;
  };
  const core = '/api/v1/namespaces/default';
  const headless = { clusterIP: 'None', ports: [{ port: 80 }], sessionAffinity: 'ClientIP' };
  assert.deepEqual(await told(`${core}/services`, { metadata: { name: 's' }, spec: headless }), ['spec.SessionAffinity is ignored for headless services']);
  assert.deepEqual(await told(`${core}/services`, { metadata: { name: 's' }, spec: { ports: [{ port: 80 }], externalName: 'x.example.com', trafficDistribution: 'PreferClose' } }), ['spec.externalName is ignored when spec.type is not "ExternalName"', 'spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"']);
  assert.deepEqual(await told(`${core}/services`, { metadata: { name: 's' }, spec: { ports: [{ port: 80 }] } }), []);
  const oldClass = 'volume.beta.kubernetes.io/storage-class';
  assert.deepEqual(await told(`${core}/persistentvolumeclaims`, { metadata: { name: 'c', annotations: { [oldClass]: 'x' } }, spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } }), [`metadata.annotations[${oldClass}]: deprecated since v1.8; use "storageClassName" attribute instead`]);
  assert.deepEqual(await told('/api/v1/persistentvolumes', { metadata: { name: 'v' }, spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], persistentVolumeReclaimPolicy: 'Recycle', hostPath: { path: '/x' } } }), ['spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.']);
  const topology = [{ matchLabelExpressions: [{ key: 'failure-domain.beta.kubernetes.io/zone', values: ['a'] }] }];
  assert.deepEqual(await told('/apis/storage.k8s.io/v1/storageclasses', { metadata: { name: 'c' }, provisioner: 'example.com/x', allowedTopologies: topology }), ['allowedTopologies[0].matchLabelExpressions[0]: deprecated since v1.17; use "topology.kubernetes.io/zone" instead']);
  assert.deepEqual(await told(`${core}/serviceaccounts`, { metadata: { name: 'a', annotations: { 'kubernetes.io/enforce-mountable-secrets': 'true' } } }), ['metadata.annotations[kubernetes.io/enforce-mountable-secrets]: deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets']);
  const template = { metadata: { labels: { app: 'x' } }, spec: { restartPolicy: 'Never', nodeSelector: { 'beta.kubernetes.io/os': 'linux' }, containers: [{ name: 'c', image: 'i' }] } };
  const ofLabel = (at: string) => `${at}.spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead`;
  assert.deepEqual(await told('/apis/batch/v1/namespaces/default/jobs', { metadata: { name: 'j' }, spec: { template } }), [ofLabel('spec.template')]);
  assert.deepEqual(await told('/apis/batch/v1/namespaces/default/cronjobs', { metadata: { name: 'j' }, spec: { schedule: '@daily', jobTemplate: { spec: { template } } } }), [ofLabel('spec.jobTemplate.spec.template')]);
  const [ofName, ...rest] = await told('/apis/apps/v1/namespaces/default/deployments', { metadata: { name: 'a.b' }, spec: { selector: { matchLabels: { app: 'x' } }, template: { ...template, spec: { containers: template.spec.containers } } } });
  assert.match(ofName!, /^metadata\.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended: \[/);
  assert.deepEqual(rest, []);
});
