// The FlowSchemas and PriorityLevelConfigurations that every server has, with upstream's names and numbers. The mandatory ones are
// always there and always as they are here; the suggested ones may be taken over by their users.
import type { FlowSchema, PriorityLevelConfiguration } from '../types.ts';

type SchemaSpec = FlowSchema['spec'];
type LevelSpec = PriorityLevelConfiguration['spec'];
type Rule = NonNullable<SchemaSpec['rules']>[number];
type Subject = Rule['subjects'][number];

export interface DefaultSchema {
  readonly name: string;
  readonly isMandatory: boolean;
  readonly spec: SchemaSpec;
}

export interface DefaultLevel {
  readonly name: string;
  readonly isMandatory: boolean;
  readonly spec: LevelSpec;
}

export const exemptName = 'exempt';
export const catchAllName = 'catch-all';

export const defaultLevels: readonly DefaultLevel[] = [
  { name: exemptName, isMandatory: true, spec: { type: 'Exempt', exempt: { nominalConcurrencyShares: 0, lendablePercent: 0 } } },
  { name: catchAllName, isMandatory: true, spec: { type: 'Limited', limited: { nominalConcurrencyShares: 5, lendablePercent: 0, limitResponse: { type: 'Reject' } } } },
  // What keeps nodes and their Pods going.
  queued('system', 30, 33, { queues: 64, handSize: 6, queueLengthLimit: 50 }),
  // That nodes are alive.
  queued('node-high', 40, 25, { queues: 64, handSize: 6, queueLengthLimit: 50 }),
  queued('leader-election', 10, 0, { queues: 16, handSize: 4, queueLengthLimit: 50 }),
  // The scheduler and the controllers.
  queued('workload-high', 40, 50, { queues: 128, handSize: 6, queueLengthLimit: 50 }),
  // What runs in Pods.
  queued('workload-low', 100, 90, { queues: 128, handSize: 6, queueLengthLimit: 50 }),
  // Everyone else.
  queued('global-default', 20, 50, { queues: 128, handSize: 6, queueLengthLimit: 50 }),
];

const everyone = [group('system:unauthenticated'), group('system:authenticated')];
const controllerManager = user('system:kube-controller-manager');
const scheduler = user('system:kube-scheduler');
const leases = resources(['get', 'create', 'update'], 'coordination.k8s.io', ['leases'], false);

export const defaultSchemas: readonly DefaultSchema[] = [
  { ...schema(exemptName, exemptName, 1, undefined, all([group('system:masters')])), isMandatory: true },
  { ...schema(catchAllName, catchAllName, 10_000, 'ByUser', all(everyone)), isMandatory: true },
  schema('probes', exemptName, 2, undefined, { subjects: everyone, nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['/healthz', '/readyz', '/livez'] }] }),
  schema('system-leader-election', 'leader-election', 100, 'ByUser', { subjects: [controllerManager, scheduler, account('*')], resourceRules: [leases] }),
  schema('endpoint-controller', 'workload-high', 150, 'ByUser', {
    subjects: [controllerManager, account('endpoint-controller'), account('endpointslicemirroring-controller')],
    resourceRules: [resources(['get', 'create', 'update'], '', ['endpoints'], false)],
  }),
  schema('workload-leader-election', 'leader-election', 200, 'ByUser', { subjects: [account('*')], resourceRules: [leases] }),
  schema('system-node-high', 'node-high', 400, 'ByUser', {
    subjects: [group('system:nodes')],
    resourceRules: [resources(['*'], '', ['nodes', 'nodes/status'], true), resources(['*'], 'coordination.k8s.io', ['leases'], false)],
  }),
  schema('system-nodes', 'system', 500, 'ByUser', all([group('system:nodes')])),
  schema('kube-controller-manager', 'workload-high', 800, 'ByNamespace', all([controllerManager])),
  schema('kube-scheduler', 'workload-high', 800, 'ByNamespace', all([scheduler])),
  schema('kube-system-service-accounts', 'workload-high', 900, 'ByNamespace', all([account('*')])),
  schema('service-accounts', 'workload-low', 9000, 'ByUser', all([group('system:serviceaccounts')])),
  schema('global-default', 'global-default', 9900, 'ByUser', all(everyone)),
];

function queued(name: string, nominalConcurrencyShares: number, lendablePercent: number, queuing: { queues: number; handSize: number; queueLengthLimit: number }): DefaultLevel {
  return { name, isMandatory: false, spec: { type: 'Limited', limited: { nominalConcurrencyShares, lendablePercent, limitResponse: { type: 'Queue', queuing } } } };
}

function schema(name: string, level: string, matchingPrecedence: number, distinguisher: 'ByUser' | 'ByNamespace' | undefined, rule: Rule): DefaultSchema {
  return { name, isMandatory: false, spec: { priorityLevelConfiguration: { name: level }, matchingPrecedence, ...(distinguisher ? { distinguisherMethod: { type: distinguisher } } : {}), rules: [rule] } };
}

/** Whatever they ask for. */
function all(subjects: Subject[]): Rule {
  return { subjects, resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'], clusterScope: true, namespaces: ['*'] }], nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }] };
}

function resources(verbs: string[], apiGroup: string, names: string[], clusterScope: boolean): NonNullable<Rule['resourceRules']>[number] {
  return { verbs, apiGroups: [apiGroup], resources: names, ...(clusterScope ? { clusterScope } : {}), namespaces: ['*'] };
}

function group(name: string): Subject {
  return { kind: 'Group', group: { name } };
}

function user(name: string): Subject {
  return { kind: 'User', user: { name } };
}

function account(name: string): Subject {
  return { kind: 'ServiceAccount', serviceAccount: { name, namespace: 'kube-system' } };
}
