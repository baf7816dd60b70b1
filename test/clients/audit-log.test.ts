// The audit log of a cluster that kubectl and plain HTTPS use: what its lines say, stage by stage.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { validatingAdmissionPolicies, validatingAdmissionPolicyBindings } from '../../src/api/kinds/admission-policy.ts';
import { namespaces } from '../../src/api/kinds/index.ts';
import { UserError } from '../../src/cluster/user-error.ts';
import { startCluster } from '../../src/cluster/start-cluster.ts';
import { startRealCluster, type RealCluster } from '../support/real-cluster.ts';

interface Event {
  level: string; auditID: string; stage: string; requestURI: string; verb: string; userAgent: string; sourceIPs: string[];
  user: { username?: string; groups?: string[] }; impersonatedUser?: { username: string };
  objectRef?: Record<string, string>; responseStatus?: { code: number; status?: string; reason?: string; message?: string };
  requestObject?: { kind: string; metadata: { name: string; managedFields?: unknown }; data?: object }; responseObject?: Event['requestObject'];
  annotations?: Record<string, string>; requestReceivedTimestamp: string; stageTimestamp: string;
}

const policy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitManagedFields: true
rules:
- level: None
  nonResourceURLs: ["/healthz*"]
- level: None
  users: [system:kube-controller-manager, system:kube-scheduler]
- level: Metadata
  resources: [{resources: [secrets]}]
- level: RequestResponse
  omitStages: [RequestReceived]
  resources: [{resources: [configmaps], resourceNames: []}]
- level: Metadata
`;

describe('the audit log', () => {
  const directory = mkdtempSync(join(tmpdir(), 'peapod-audit-'));
  const [policyFile, path, tokens] = [join(directory, 'policy.yaml'), join(directory, 'log', 'audit.log'), join(directory, 'tokens.csv')];
  let real: RealCluster;
  const events = () => readFileSync(path, 'utf8').split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as Event);
  const until = async (fits: (event: Event) => boolean): Promise<Event> => {
    for (const deadline = AbortSignal.timeout(20_000); ; deadline.throwIfAborted()) {
      const found = events().find(fits);
      if (found) return found;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const http = (url: string, headers: Record<string, string> = {}) => new Promise<{ code: number; headers: Record<string, unknown> }>((resolve, reject) => {
    request(new URL(url, real.cluster.server), { headers, rejectUnauthorized: false }, (response) => {
      response.resume();
      response.on('end', () => resolve({ code: response.statusCode!, headers: response.headers }));
    }).on('error', reject).end();
  });

  before(async () => {
    writeFileSync(policyFile, policy);
    writeFileSync(tokens, 'weak-token,weak,1,"dev"\n');
    real = await startRealCluster({ node: false, auditPolicyFile: policyFile, auditLogPath: path, tokenAuthFile: tokens });
  });
  after(async () => {
    await real?.[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true, force: true });
  });

  test('a write is told with its object, its answer, and by what it was allowed', async () => {
    await real.kubectl('create', 'configmap', 'told', '--from-literal=a=b');
    const event = await until(({ verb, objectRef }) => verb === 'create' && objectRef?.['name'] === 'told');
    assert.deepEqual([event.level, event.stage, event.responseStatus?.code, event.objectRef], ['RequestResponse', 'ResponseComplete', 201, { resource: 'configmaps', namespace: 'default', name: 'told', apiVersion: 'v1' }]);
    assert.equal(event.user.username, 'kubernetes-admin');
    assert.deepEqual(event.sourceIPs, ['127.0.0.1']);
    assert.match(event.userAgent, /^kubectl/);
    assert.match(event.requestURI, /^\/api\/v1\/namespaces\/default\/configmaps\?/);
    assert.deepEqual(event.requestObject?.data, { a: 'b' });
    assert.deepEqual(event.responseObject?.data, { a: 'b' });
    assert.equal(event.responseObject?.metadata.managedFields, undefined);
    assert.deepEqual(event.annotations, { 'authorization.k8s.io/decision': 'allow', 'authorization.k8s.io/reason': '' });
    assert.match(event.requestReceivedTimestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    assert.ok(!events().some(({ stage, objectRef }) => stage === 'RequestReceived' && objectRef?.['resource'] === 'configmaps'), 'the stage is omitted');
  });

  test('of a Secret only that it was written; both stages bear one id, which the answer tells', async () => {
    await real.kubectl('create', 'secret', 'generic', 'hidden', '--from-literal=a=hunter2');
    const event = await until(({ stage, objectRef, verb }) => stage === 'ResponseComplete' && verb === 'create' && objectRef?.['name'] === 'hidden');
    assert.deepEqual([event.level, event.requestObject, event.responseObject], ['Metadata', undefined, undefined]);
    await until(({ stage, auditID }) => stage === 'RequestReceived' && auditID === event.auditID);
    assert.ok(!readFileSync(path, 'utf8').includes(Buffer.from('hunter2').toString('base64')));
    const answer = await http('/api/v1/namespaces/default/secrets/hidden', { authorization: 'Bearer weak-token', 'audit-id': 'mine-1' });
    assert.equal(answer.headers['audit-id'], 'mine-1');
    await until(({ auditID }) => auditID === 'mine-1');
    assert.match(String((await http('/healthz')).headers['audit-id']), /^[0-9a-f-]{36}$/, 'also of what is not told');
  });

  test('refusals, strangers and those who act as someone else', async () => {
    assert.equal((await http('/api/v1/nodes', { authorization: 'Bearer weak-token' })).code, 403);
    const refused = await until(({ stage, objectRef, user }) => stage === 'ResponseComplete' && objectRef?.['resource'] === 'nodes' && user.username === 'weak');
    assert.deepEqual([refused.responseStatus?.code, refused.responseStatus?.reason, refused.annotations?.['authorization.k8s.io/decision']], [403, 'Forbidden', 'forbid']);
    assert.equal((await http('/api/v1/pods', { authorization: 'Bearer nobody', 'x-forwarded-for': '192.0.2.7' })).code, 401);
    const stranger = await until(({ responseStatus }) => responseStatus?.code === 401);
    assert.deepEqual([stranger.stage, stranger.responseStatus?.message, stranger.sourceIPs, stranger.user], ['ResponseStarted', 'Authentication failed, attempted: bearer', ['192.0.2.7', '127.0.0.1'], {}]);
    await real.kubectl('get', 'pods', '--as=jane', '--as-group=system:masters');
    const asJane = await until(({ stage, impersonatedUser }) => stage === 'ResponseComplete' && impersonatedUser?.username === 'jane');
    assert.equal(asJane.user.username, 'kubernetes-admin');
    assert.equal((await http('/version')).code, 200);
    await until(({ requestURI, verb }) => requestURI === '/version' && verb === 'get');
    await http('/healthz');
    assert.ok(!events().some(({ requestURI }) => requestURI === '/healthz'));
  });

  test('a watch is told when it begins and when it ends; what is in the process is told too', async () => {
    await real.kubectl('get', '--raw', '/api/v1/namespaces/default/pods?watch=true&timeoutSeconds=1');
    const started = await until(({ stage, verb, user, objectRef }) => stage === 'ResponseStarted' && verb === 'watch' && user.username === 'kubernetes-admin' && objectRef?.['resource'] === 'pods');
    await until(({ stage, auditID, responseStatus }) => stage === 'ResponseComplete' && auditID === started.auditID && responseStatus?.code === 200);
    await real.cluster.client.create(namespaces, { metadata: { name: 'inside' }, spec: {} }, AbortSignal.timeout(5000));
    const inside = await until(({ stage, verb, objectRef }) => stage === 'ResponseComplete' && verb === 'create' && objectRef?.['name'] === 'inside');
    assert.deepEqual([inside.user.username, inside.requestURI, inside.responseStatus?.code], ['system:apiserver', '/api/v1/namespaces', 201]);
    assert.ok(!events().some(({ user }) => user.username === 'system:kube-scheduler'));
  });

  test('admission says what it found: policies that audit, and Pod Security', async () => {
    const signal = AbortSignal.timeout(20_000);
    const { client } = real.cluster;
    await client.create(validatingAdmissionPolicies, {
      metadata: { name: 'no-latest' },
      spec: {
        matchConstraints: { resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }] },
        validations: [{ expression: 'object.spec.containers.all(c, !c.image.endsWith(":latest"))', message: 'name a version' }],
        auditAnnotations: [{ key: 'images', valueExpression: 'object.spec.containers.map(c, c.image).join(" ")' }],
      },
    } as never, signal);
    await client.create(validatingAdmissionPolicyBindings, { metadata: { name: 'everywhere' }, spec: { policyName: 'no-latest', validationActions: ['Audit'] } } as never, signal);
    await real.kubectl('label', 'namespace', 'default', 'pod-security.kubernetes.io/audit=restricted', 'pod-security.kubernetes.io/enforce=baseline');
    await real.kubectl('run', 'audited', '--image=web:latest', '--restart=Never');
    const event = await until(({ stage, verb, objectRef }) => stage === 'ResponseComplete' && verb === 'create' && objectRef?.['name'] === 'audited' && objectRef['resource'] === 'pods');
    const { annotations = {} } = event;
    assert.deepEqual(JSON.parse(annotations['validation.policy.admission.k8s.io/validation_failure']!), [{ message: 'name a version', policy: 'no-latest', binding: 'everywhere', expressionIndex: 0, validationActions: ['Audit'] }]);
    assert.equal(annotations['no-latest/images'], 'web:latest');
    assert.equal(annotations['pod-security.kubernetes.io/enforce-policy'], 'baseline:latest');
    assert.match(annotations['pod-security.kubernetes.io/audit-violations']!, /^would violate PodSecurity "restricted:latest": allowPrivilegeEscalation != false/);
  });

  test('it is counted, and a policy that cannot be is refused at the start', async () => {
    const metrics = await real.kubectl('get', '--raw', '/metrics');
    assert.match(metrics, /apiserver_audit_event_total [1-9]\d*/);
    assert.match(metrics, /apiserver_audit_error_total\{plugin="log"\} 0/);
    assert.match(metrics, /apiserver_audit_level_total\{level="RequestResponse"\} [1-9]/);
    writeFileSync(policyFile, policy.replace('level: None', 'level: Nothing'));
    await assert.rejects(startCluster({ node: false, port: 0, auditPolicyFile: policyFile, auditLogPath: path }), (error) => error instanceof UserError && /rules\[0\]\.level: Unsupported value: "Nothing"/.test(error.message));
    await assert.rejects(startCluster({ node: false, port: 0, auditLogPath: path }), /there is no audit policy/);
  });
});
