// Validating and mutating admission policies, their bindings and their parameters.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, afterEach, before, describe, it } from 'node:test';
import { isEstablished } from '../../src/api/custom/definition.ts';
import { mutatingAdmissionPolicies, mutatingAdmissionPolicyBindings, validatingAdmissionPolicies, validatingAdmissionPolicyBindings } from '../../src/api/kinds/admission-policy.ts';
import { configMaps, customResourceDefinitions, deployments, pods } from '../../src/api/kinds/index.ts';
import type { Resource } from '../../src/api/kind.ts';
import type { NodeService } from '../../src/api/node-service.ts';
import { systemClock } from '../../src/base/clock.ts';
import { Client } from '../../src/client/client.ts';
import { identities } from '../../src/server/auth/authorize.ts';
import { createAuthority, issueCertificate } from '../../src/server/auth/certificates.ts';
import { deploymentOf, podOf, startControlCluster, type ControlCluster } from './control-cluster.ts';
import { callOverHttps } from './https-caller.ts';

const policyKinds = [validatingAdmissionPolicyBindings, mutatingAdmissionPolicyBindings, validatingAdmissionPolicies, mutatingAdmissionPolicies] as unknown as readonly Resource<any>[];

describe('admission policies', () => {
  let cluster: ControlCluster;
  let warned: string[];
  let client: Client;
  /** What a node was asked to run, and for. */
  let asked: unknown[] = [];
  const node = {
    checkRunning() {},
    exec: async (_pod: unknown, _container: string, command: readonly string[]) => (asked.push(command), 0),
    page: async (path: string) => (asked.push(path), { code: 200, type: 'text/plain', body: Buffer.from('a page') }),
  } as unknown as NodeService;
  before(async () => {
    cluster = await startControlCluster({ scheduler: false, authenticate: () => identities.apiServer, nodeServices: (name) => (name === 'n1' ? node : undefined) });
    client = new Client(cluster.server.transport(identities.apiServer, (text) => warned.push(text)));
  });
  after(() => cluster[Symbol.asyncDispose]());
  afterEach(async () => {
    for (const kind of policyKinds) await cluster.client.deleteCollection(kind, {}, {}, cluster.signal);
    await cluster.client.deleteCollection(deployments as Resource, { namespace: 'default' }, {}, cluster.signal);
  });

  const rules = { resourceRules: [{ apiGroups: ['apps'], apiVersions: ['v1'], operations: ['CREATE', 'UPDATE'], resources: ['deployments'] }] };
  const make = (kind: unknown, name: string, spec: object): Promise<any> => cluster.client.create(kind as Resource<any>, { metadata: { name }, spec } as never, cluster.signal);
  const deploy = (name: string, replicas: number, more: object = {}): Promise<any> => {
    warned = [];
    const object = deploymentOf(name, replicas);
    return client.create(deployments as Resource<any>, { ...object, metadata: { ...object.metadata, ...more } } as never, cluster.signal);
  };

  it('deny and warn, by variables, messages and reasons, where they are bound', async () => {
    const made = await make(validatingAdmissionPolicies, 'few', {
      matchConstraints: rules,
      variables: [{ name: 'replicas', expression: 'object.spec.replicas' }, { name: 'twice', expression: 'variables.replicas * 2' }],
      matchConditions: [{ name: 'not-exempt', expression: "!('exempt' in object.metadata.?labels.orValue({}))" }],
      validations: [
        { expression: 'variables.twice <= 10', messageExpression: "'at most 5 replicas, not ' + string(variables.replicas)" },
        { expression: "object.metadata.name.startsWith('d')", reason: 'Forbidden' },
      ],
    });
    assert.equal(made.spec.failurePolicy, 'Fail');
    await deploy('d0', 9);
    await make(validatingAdmissionPolicyBindings, 'bound', { policyName: 'few', validationActions: ['Deny'], matchResources: { namespaceSelector: {} } });
    await deploy('d1', 3);
    await assert.rejects(deploy('d2', 6), (error: any) => error.code === 422 && error.reason === 'Invalid' && error.message === "deployments.apps \"d2\" is forbidden: ValidatingAdmissionPolicy 'few' with binding 'bound' denied request: at most 5 replicas, not 6");
    await assert.rejects(deploy('x', 1), (error: any) => error.code === 403 && error.message.endsWith("denied request: failed expression: object.metadata.name.startsWith('d')"));
    await deploy('d3', 6, { labels: { exempt: 'yes' } });
    await cluster.client.deleteCollection(validatingAdmissionPolicyBindings as unknown as Resource<any>, {}, {}, cluster.signal);
    await make(validatingAdmissionPolicyBindings, 'warns', { policyName: 'few', validationActions: ['Warn', 'Audit'] });
    await deploy('d4', 6);
    assert.deepEqual(warned, ["Validation failed for ValidatingAdmissionPolicy 'few' with binding 'warns': at most 5 replicas, not 6"]);
  });

  it('look at connections, by what these are asked for by, and change it', async () => {
    const { signal, server } = cluster;
    await cluster.addNode('n1');
    const pod: any = podOf('streams');
    await cluster.client.create(pods, { ...pod, spec: { ...pod.spec, nodeName: 'n1' } }, signal);
    const authority = await createAuthority('ca', systemClock);
    const own = await issueCertificate(authority, { commonName: 'server', ipAddresses: ['127.0.0.1'], days: 1, usages: ['server'] }, systemClock);
    const caller = await issueCertificate(authority, { commonName: 'someone', days: 1, usages: ['client'] }, systemClock);
    const { port } = await server.listen({ host: '127.0.0.1', port: 0, key: own.keyPem, cert: own.certPem, clientCa: authority.certPem });
    const get = (path: string) => callOverHttps({ port, ca: authority.certPem }, caller, 'GET', path);
    const exec = async (...command: string[]) => {
      const stream = await server.transport(identities.apiServer).connect({ verb: 'connect', resource: pods, namespace: 'default', name: 'streams', subresource: 'exec', options: { query: { stdout: ['true'], command } } }, signal);
      await once(stream.resume(), 'end');
    };
    const matchConstraints = { resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CONNECT'], resources: ['pods/*', 'nodes/proxy'] }] };
    await make(validatingAdmissionPolicies, 'connections', {
      matchConstraints,
      validations: [
        { expression: "request.subResource != 'exec' || object.command[0] in ['ls', 'nice']", messageExpression: "'not ' + object.command[0]" },
        { expression: "request.subResource != 'proxy' || !object.path.startsWith('/logs')", message: 'no logs', reason: 'Forbidden' },
      ],
    });
    await make(validatingAdmissionPolicyBindings, 'connections', { policyName: 'connections', validationActions: ['Deny'] });
    await exec('ls', '-l');
    await assert.rejects(exec('sh'), (error: any) => error.code === 422 && error.message === "pods \"streams\" is forbidden: ValidatingAdmissionPolicy 'connections' with binding 'connections' denied request: not sh");
    assert.deepEqual([(await get('/api/v1/nodes/n1/proxy/stats/summary')).code, (await get('/api/v1/nodes/n1/proxy/logs/')).code], [200, 403]);
    const refused = await get('/api/v1/namespaces/default/pods/streams/proxy/logs/of/it');
    assert.deepEqual([refused.code, refused.body.message], [403, "pods \"streams\" is forbidden: ValidatingAdmissionPolicy 'connections' with binding 'connections' denied request: no logs"]);
    assert.deepEqual(asked.splice(0), [['ls', '-l'], '/stats/summary']);

    await make(mutatingAdmissionPolicies, 'nice', { matchConstraints, reinvocationPolicy: 'Never', matchConditions: [{ name: 'exec', expression: "request.subResource == 'exec'" }], mutations: [{ patchType: 'JSONPatch', jsonPatch: { expression: "[JSONPatch{op: 'add', path: '/command/0', value: 'nice'}]" } }] });
    await make(mutatingAdmissionPolicyBindings, 'nice', { policyName: 'nice' });
    await exec('sh');
    assert.deepEqual(asked.splice(0), [['nice', 'sh']]);
    await make(mutatingAdmissionPolicies, 'typed', { matchConstraints, reinvocationPolicy: 'Never', mutations: [{ patchType: 'ApplyConfiguration', applyConfiguration: { expression: "Object{path: '/else'}" } }] });
    await make(mutatingAdmissionPolicyBindings, 'typed', { policyName: 'typed' });
    assert.match((await get('/api/v1/nodes/n1/proxy/stats/summary')).body.message, /no corresponding type for \/v1, Kind=NodeProxyOptions/);
  });

  it('that cannot be read are refused, in the words of cel-go', async () => {
    const refused = (spec: object, why: RegExp) => assert.rejects(make(validatingAdmissionPolicies, 'bad', { matchConstraints: rules, ...spec }), (error: any) => error.code === 422 && why.test(error.message));
    await refused({ validations: [{ expression: 'object.spec.replicas' }] }, /spec\.validations\[0\]\.expression: Invalid value: "object\.spec\.replicas": must evaluate to bool/);
    await refused({ validations: [{ expression: 'params.most > 1' }] }, /compilation failed: ERROR: <input>:1:1: undeclared reference to 'params' \(in container ''\)/);
    await refused({ validations: [{ expression: 'request.verb == "x"' }] }, /ERROR: <input>:1:8: undefined field 'verb'/);
    await refused({ variables: [{ name: 'few', expression: 'object.spec.replicas < 3' }], validations: [{ expression: 'variables.few && variables.many' }] }, /undefined field 'many'/);
    await refused({ validations: [{ expression: 'true', messageExpression: '1' }] }, /must evaluate to string/);
    await refused({ validations: [{ expression: '1 + "a" == 2' }] }, /found no matching overload for '_\+_' applied to '\(int, string\)'/);
    await refused({ matchConditions: [{ name: 'a', expression: 'variables.few' }], validations: [{ expression: 'true' }] }, /undeclared reference to 'variables'/);
    await make(validatingAdmissionPolicies, 'good', { matchConstraints: rules, variables: [{ name: 'few', expression: 'object.spec.replicas < 3' }], validations: [{ expression: 'variables.few' }, { expression: "authorizer.requestResource.check('create').reason() == ''" }] });
  });

  it('that do not fit the kinds that they name say so in their status', async () => {
    await cluster.client.create(customResourceDefinitions, {
      metadata: { name: 'boats.x.example.com' },
      spec: { group: 'x.example.com', scope: 'Namespaced', names: { plural: 'boats', kind: 'Boat' }, versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object', properties: { sails: { type: 'integer' } } } } } } }] },
    } as never, cluster.signal);
    const both = { resourceRules: [...rules.resourceRules, { apiGroups: ['x.example.com'], apiVersions: ['v1'], operations: ['CREATE'], resources: ['boats'] }] };
    await make(validatingAdmissionPolicies, 'misfit', {
      matchConstraints: both,
      variables: [{ name: 'wanted', expression: 'object.spec.replicas' }],
      validations: [{ expression: 'variables.wanted > 1 && object.spec.replicas > 1' }, { expression: 'has(object.metadata.labels) || object.spec.sails == "two"', messageExpression: "'no ' + object.metadata.name" }],
    });
    const policies = cluster.informers.of(validatingAdmissionPolicies as unknown as Resource<any>);
    const seen: any = await cluster.until('two warnings', () => {
      const policy: any = policies.get({ namespace: '', name: 'misfit' });
      return policy?.status?.typeChecking?.expressionWarnings?.[1]?.warning.includes('Boat') && policy;
    });
    assert.equal(seen.status.observedGeneration, 1);
    assert.deepEqual(seen.status.typeChecking.expressionWarnings, [
      { fieldRef: 'spec.validations[0].expression', warning: "x.example.com/v1, Kind=Boat: ERROR: <input>:1:36: undefined field 'replicas'\n | variables.wanted > 1 && object.spec.replicas > 1\n | ...................................^\n" },
      {
        fieldRef: 'spec.validations[1].expression',
        warning: "apps/v1, Kind=Deployment: ERROR: <input>:1:43: undefined field 'sails'\n | has(object.metadata.labels) || object.spec.sails == \"two\"\n | ..........................................^\n\nx.example.com/v1, Kind=Boat: ERROR: <input>:1:50: found no matching overload for '_==_' applied to '(int, string)'\n | has(object.metadata.labels) || object.spec.sails == \"two\"\n | .................................................^\n",
      },
    ]);
    await make(validatingAdmissionPolicies, 'fits', { matchConstraints: rules, validations: [{ expression: 'object.spec.template.spec.containers.all(c, c.image != "")' }] });
    const fits: any = await cluster.until('looked at', () => {
      const policy: any = policies.get({ namespace: '', name: 'fits' });
      return policy?.status?.observedGeneration === 1 && policy;
    });
    assert.deepEqual(fits.status.typeChecking, {});
    await cluster.client.delete(customResourceDefinitions as Resource, { namespace: '', name: 'boats.x.example.com' }, {}, cluster.signal);
  });

  it('take parameters of any kind, and say when there are none', async () => {
    await cluster.client.create(customResourceDefinitions, {
      metadata: { name: 'limits.rules.example.com' },
      spec: { group: 'rules.example.com', scope: 'Namespaced', names: { plural: 'limits', kind: 'Limit' }, versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object', properties: { most: { type: 'integer' } } } } }] },
    } as never, cluster.signal);
    await cluster.until('limits are served', () => {
      const found = cluster.informers.of(customResourceDefinitions).get({ namespace: '', name: 'limits.rules.example.com' });
      return found && isEstablished(found);
    });
    await make(validatingAdmissionPolicies, 'limited', { matchConstraints: rules, paramKind: { apiVersion: 'rules.example.com/v1', kind: 'Limit' }, validations: [{ expression: 'object.spec.replicas <= params.most' }] });
    await make(validatingAdmissionPolicyBindings, 'limited', { policyName: 'limited', validationActions: ['Deny'], paramRef: { name: 'small', parameterNotFoundAction: 'Deny' } });
    await assert.rejects(deploy('d1', 1), /no params found for policy binding with `Deny` parameterNotFoundAction/);
    const limits: Resource<any> = { group: 'rules.example.com', version: 'v1', plural: 'limits', kind: 'Limit', namespaced: true };
    await cluster.client.create(limits, { metadata: { name: 'small', namespace: 'default' }, most: 2 } as never, cluster.signal);
    await deploy('d1', 2);
    await assert.rejects(deploy('d2', 3), /failed expression: object\.spec\.replicas <= params\.most/);
  });

  it('that cannot be evaluated stop a write, or not, as they are told', async () => {
    const broken = { matchConstraints: rules, validations: [{ expression: "object.metadata.labels.missing == 'x'" }] };
    await make(validatingAdmissionPolicies, 'strict', broken);
    await make(validatingAdmissionPolicyBindings, 'strict', { policyName: 'strict', validationActions: ['Deny'] });
    await assert.rejects(deploy('d1', 1), /expression 'object\.metadata\.labels\.missing == 'x'' resulted in error: no such key: /);
    const policy: any = structuredClone(await cluster.client.get(validatingAdmissionPolicies, { namespace: '', name: 'strict' }, cluster.signal));
    await cluster.client.update(validatingAdmissionPolicies, { ...policy, spec: { ...policy.spec, failurePolicy: 'Ignore' } }, cluster.signal);
    await deploy('d1', 1);
    await assert.rejects(make(validatingAdmissionPolicies, 'wrong', { ...broken, validations: [{ expression: 'object.' }] }), /spec\.validations\[0\]\.expression: Invalid value: "object\.": compilation failed: ERROR: <input>:1:8/);
    await assert.rejects(make(validatingAdmissionPolicyBindings, 'wrong', { policyName: 'x', validationActions: ['Deny', 'Warn'] }), /must not contain both Deny and Warn/);
  });

  it('ask the authorizer and know the namespace', async () => {
    await make(validatingAdmissionPolicies, 'asks', { matchConstraints: rules, validations: [{ expression: "namespaceObject.metadata.name == 'default' && authorizer.group('apps').resource('deployments').namespace('default').check('delete').allowed() && request.userInfo.username == 'system:apiserver'" }] });
    await make(validatingAdmissionPolicyBindings, 'asks', { policyName: 'asks', validationActions: ['Deny'] });
    await deploy('d1', 1);
  });

  it('change objects, by what is to be applied and by patches', async () => {
    await make(mutatingAdmissionPolicies, 'adds', {
      matchConstraints: { resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['configmaps'] }] },
      matchConditions: [{ name: 'mine', expression: "object.metadata.name.startsWith('mutated')" }],
      reinvocationPolicy: 'Never',
      mutations: [
        { patchType: 'ApplyConfiguration', applyConfiguration: { expression: 'Object{metadata: Object.metadata{labels: {"team": "a"}}, data: {"added": object.metadata.name}}' } },
        { patchType: 'JSONPatch', jsonPatch: { expression: '[JSONPatch{op: "add", path: "/metadata/labels/" + jsonpatch.escapeKey("example.com/x"), value: object.data.added}]' } },
      ],
    });
    await make(mutatingAdmissionPolicyBindings, 'adds', { policyName: 'adds' });
    const made: any = await cluster.client.create(configMaps, { metadata: { name: 'mutated-1', namespace: 'default' }, data: { own: '1' } } as never, cluster.signal);
    assert.deepEqual([made.data, made.metadata.labels], [{ own: '1', added: 'mutated-1' }, { team: 'a', 'example.com/x': 'mutated-1' }]);
    const plain: any = await cluster.client.create(configMaps, { metadata: { name: 'plain', namespace: 'default' } } as never, cluster.signal);
    assert.equal(plain.metadata.labels, undefined);
  });
});
