// What those see who look after a cluster: health check by check, as probes and people ask for it, and what is counted.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { readExposition, valueOf } from '../support/exposition.ts';
import { pod } from '../support/manifests.ts';
import { startRealCluster, type RealCluster } from '../support/real-cluster.ts';

/** As kube-apiserver, kube-scheduler and kube-controller-manager of 1.36 have them. */
const upstream: Readonly<Record<string, readonly [type: string, help: string]>> = {
  apiserver_request_total: ['counter', '[STABLE] Counter of apiserver requests broken out for each verb, dry run value, group, version, resource, scope, component, and HTTP response code.'],
  apiserver_request_duration_seconds: ['histogram', '[STABLE] Response latency distribution in seconds for each verb, dry run value, group, version, resource, subresource, scope and component.'],
  apiserver_request_sli_duration_seconds: ['histogram', '[ALPHA] Response latency distribution (not counting webhook duration and priority & fairness queue wait times) in seconds for each verb, group, version, resource, subresource, scope and component.'],
  apiserver_response_sizes: ['histogram', '[STABLE] Response size distribution in bytes for each group, version, verb, resource, subresource, scope and component.'],
  apiserver_current_inflight_requests: ['gauge', '[STABLE] Maximal number of currently used inflight request limit of this apiserver per request kind in last second.'],
  apiserver_longrunning_requests: ['gauge', '[STABLE] Gauge of all active long-running apiserver requests broken out by verb, group, version, resource, scope and component. Not all requests are tracked this way.'],
  apiserver_storage_objects: ['gauge', '[STABLE] Number of stored objects at the time of last check split by kind. In case of a fetching error, the value will be -1.'],
  apiserver_storage_size_bytes: ['gauge', '[STABLE] Size of the storage database file physically allocated in bytes.'],
  apiserver_watch_events_total: ['counter', '[ALPHA] Number of events sent in watch clients'],
  apiserver_watch_events_sizes: ['histogram', '[ALPHA] Watch event size distribution in bytes'],
  apiserver_admission_step_admission_duration_seconds: ['histogram', '[STABLE] Admission sub-step latency histogram in seconds, broken out for each operation and API resource and step type (validate or admit).'],
  apiserver_admission_controller_admission_duration_seconds: ['histogram', '[STABLE] Admission controller latency histogram in seconds, identified by name and broken out for each operation and API resource and type (validate or admit).'],
  apiserver_admission_webhook_admission_duration_seconds: ['histogram', '[STABLE] Admission webhook latency histogram in seconds, identified by name and broken out for each operation and API resource and type (validate or admit).'],
  apiserver_flowcontrol_work_estimated_seats: ['histogram', '[ALPHA] Number of estimated seats (maximum of initial and final seats) associated with requests in API Priority and Fairness'],
  scheduler_schedule_attempts_total: ['counter', "[STABLE] Number of attempts to schedule pods, by the result. 'unschedulable' means a pod could not be scheduled, while 'error' means an internal scheduler problem."],
  scheduler_scheduling_attempt_duration_seconds: ['histogram', '[STABLE] Scheduling attempt latency in seconds (scheduling algorithm + binding)'],
  scheduler_pending_pods: ['gauge', "[STABLE] Number of pending pods, by the queue type. 'active' means number of pods in activeQ; 'backoff' means number of pods in backoffQ; 'unschedulable' means number of pods in unschedulablePods that the scheduler attempted to schedule and failed; 'gated' is the number of unschedulable pods that the scheduler never attempted to schedule because they are gated."],
  scheduler_queue_incoming_pods_total: ['counter', '[STABLE] Number of pods added to scheduling queues by event and queue type.'],
  scheduler_preemption_attempts_total: ['counter', '[STABLE] Total preemption attempts in the cluster till now'],
  workqueue_adds_total: ['counter', '[ALPHA] Total number of adds handled by workqueue'],
  workqueue_depth: ['gauge', '[ALPHA] Current depth of workqueue'],
  workqueue_queue_duration_seconds: ['histogram', '[ALPHA] How long in seconds an item stays in workqueue before being requested.'],
  workqueue_work_duration_seconds: ['histogram', '[ALPHA] How long in seconds processing an item from workqueue takes.'],
  rest_client_requests_total: ['counter', '[ALPHA] Number of HTTP requests, partitioned by status code, method, and host.'],
  process_cpu_seconds_total: ['counter', 'Total user and system CPU time spent in seconds.'],
};

describe('operators', () => {
  let real: RealCluster;
  const raw = (path: string) => real.kubectl('get', '--raw', path);
  const eventually = async (what: string, holds: () => Promise<boolean>) => {
    for (const deadline = AbortSignal.timeout(60_000); !(await holds()); ) assert.ok(!deadline.aborted, what);
  };

  before(async () => {
    real = await startRealCluster({ node: false, simulatedNodes: 2 });
  });
  after(() => real?.[Symbol.asyncDispose]());

  test('readiness waits for the informers and the controllers; each check can be asked for and left out', async () => {
    await eventually('it is ready', async () => (await real.tryKubectl(['get', '--raw', '/readyz'])).stdout === 'ok');
    const verbose = await raw('/readyz?verbose');
    const names = [...verbose.matchAll(/^\[\+\](\S+) ok$/gm)].map(([, name]) => name);
    for (const name of ['ping', 'log', 'etcd', 'etcd-readiness', 'informer-sync', 'controllers', 'poststarthook/start-system-namespaces-controller', 'poststarthook/rbac/bootstrap-roles', 'poststarthook/crd-informer-synced', 'autoregister-completion', 'shutdown']) assert.ok(names.includes(name), `${name} of ${names}`);
    assert.match(verbose, /readyz check passed\n$/);
    for (const name of names) assert.equal(await raw(`/readyz/${name}`), 'ok');
    const alive = await raw('/livez?verbose&exclude=etcd');
    assert.match(alive, /^\[\+\]etcd excluded: ok$/m);
    assert.doesNotMatch(alive, /\](informer-sync|controllers|etcd-readiness|shutdown) /);
    const slis = await raw('/metrics/slis');
    assert.equal(readExposition(slis).get('kubernetes_healthchecks_total')?.type, 'counter');
    assert.match(slis, /^kubernetes_healthcheck\{name="informer-sync",type="readyz"\} 1$/m);
  });

  test('what scheduler, controllers and server count is as upstream has it, and is what happened', async () => {
    const items = [pod('runs', [{}]), pod('nowhere', [{}], { nodeSelector: { no: 'such' } }), pod('gated', [{}], { schedulingGates: [{ name: 'later' }] })];
    const made = await real.tryKubectl(['create', '-f', '-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }) });
    assert.equal(made.code, 0, made.stderr);
    await real.untilReady('runs');
    await real.kubectl('get', '--raw', '/api/v1/pods?watch=true&timeoutSeconds=1');
    await real.kubectl('create', 'configmap', 'dry', '--dry-run=server');
    const client = { url: 'https://127.0.0.1:1/no-webhook' };
    const webhook = { name: 'absent.example.com', clientConfig: client, failurePolicy: 'Ignore', timeoutSeconds: 1, sideEffects: 'None', admissionReviewVersions: ['v1'], rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['configmaps'] }] };
    const configuration = { apiVersion: 'admissionregistration.k8s.io/v1', kind: 'ValidatingWebhookConfiguration', metadata: { name: 'absent' }, webhooks: [webhook] };
    assert.equal((await real.tryKubectl(['create', '-f', '-'], { input: JSON.stringify(configuration) })).code, 0);
    await real.kubectl('create', 'configmap', 'asked');
    await eventually('the Pod that fits nowhere has been tried', async () => (valueOf(readExposition(await raw('/metrics')), 'scheduler_pending_pods', { queue: 'unschedulable' }) ?? 0) === 1);
    const families = readExposition(await raw('/metrics'));
    for (const [name, [type, help]] of Object.entries(upstream)) assert.deepEqual([families.get(name)?.type, families.get(name)?.help], [type, help], name);
    const is = (name: string, labels: Record<string, string>, expected: number) => assert.equal(valueOf(families, name, labels), expected, `${name}${JSON.stringify(labels)}`);
    const some = (name: string, labels: Record<string, string>) => assert.ok((valueOf(families, name, labels) ?? 0) > 0, `${name}${JSON.stringify(labels)}`);
    const profile = 'default-scheduler';
    is('scheduler_schedule_attempts_total', { result: 'scheduled', profile }, 1);
    some('scheduler_schedule_attempts_total', { result: 'unschedulable', profile });
    is('scheduler_scheduling_attempt_duration_seconds_count', { result: 'scheduled', profile }, 1);
    is('scheduler_pod_scheduling_sli_duration_seconds_count', { attempts: '1' }, 1);
    is('scheduler_pod_scheduling_attempts_count', {}, 1);
    is('scheduler_pending_pods', { queue: 'gated' }, 1);
    is('scheduler_queue_incoming_pods_total', { queue: 'active', event: 'PodAdd' }, 2);
    is('scheduler_queue_incoming_pods_total', { queue: 'gated', event: 'PodAdd' }, 1);
    is('scheduler_cache_size', { type: 'nodes' }, 2);
    some('workqueue_adds_total', { name: 'serviceaccount-controller' });
    some('workqueue_queue_duration_seconds_count', { name: 'serviceaccount-controller' });
    some('workqueue_work_duration_seconds_count', { name: 'serviceaccount-controller' });
    is('apiserver_storage_objects', { resource: 'pods' }, 3);
    some('apiserver_storage_size_bytes', {});
    some('apiserver_request_total', { resource: 'configmaps', verb: 'POST', dry_run: 'All', code: '201' });
    some('apiserver_request_duration_seconds_count', { resource: 'pods', verb: 'POST', scope: 'namespace', dry_run: '' });
    assert.equal(valueOf(families, 'apiserver_request_duration_seconds_count', { resource: 'configmaps', verb: 'POST', dry_run: '' }), valueOf(families, 'apiserver_request_sli_duration_seconds_count', { resource: 'configmaps', verb: 'POST' }), 'dry runs are none of the service level');
    some('apiserver_response_sizes_sum', { verb: 'GET' });
    is('apiserver_watch_events_total', { kind: 'Pod' }, 3);
    is('apiserver_watch_events_sizes_count', { kind: 'Pod' }, 3);
    some('apiserver_admission_step_admission_duration_seconds_count', { operation: 'CREATE', rejected: 'false', type: 'admit' });
    some('apiserver_admission_controller_admission_duration_seconds_count', { name: 'NamespaceLifecycle', operation: 'CREATE' });
    is('apiserver_admission_webhook_admission_duration_seconds_count', { name: 'absent.example.com', operation: 'CREATE', rejected: 'false', type: 'validating' }, 1);
    is('apiserver_admission_webhook_fail_open_count', { name: 'absent.example.com', type: 'validating' }, 1);
    is('rest_client_requests_total', { host: '127.0.0.1:1', method: 'POST', code: '<error>' }, 1);
    is('kubernetes_build_info', { compiler: 'node', minor: '36' }, 1);
  });
});
