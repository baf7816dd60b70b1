// Admission and conversion webhooks: a real server that is asked over HTTPS.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { after, afterEach, before, describe, it } from 'node:test';
import { isEstablished } from '../../src/api/custom/definition.ts';
import { configMaps, customResourceDefinitions, deployments, namespaces, pods, serviceAccounts, services } from '../../src/api/kinds/index.ts';
import { mutatingWebhookConfigurations, validatingWebhookConfigurations } from '../../src/api/kinds/webhook-configuration.ts';
import type { Resource } from '../../src/api/kind.ts';
import type { NodeService } from '../../src/api/node-service.ts';
import { HttpCalls } from '../../src/base/http-calls.ts';
import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import type { AdmissionWorld } from '../../src/server/admission/admission.ts';
import { identities } from '../../src/server/auth/authorize.ts';
import { createWebhookClient } from '../../src/server/webhooks/webhook-client.ts';
import { createAuthority, issueCertificate } from '../../src/server/auth/certificates.ts';
import { deploymentOf, podOf, startControlCluster, type ControlCluster } from './control-cluster.ts';

type Answer = { allowed?: boolean; status?: object; patch?: object[]; warnings?: string[] } | 'hang' | { raw: object };

describe('webhooks', () => {
  let cluster: ControlCluster;
  let server: Server;
  let caBundle: string;
  let port: number;
  /** What has been asked, by path. */
  let asked: { path: string; request: any; kind: string }[] = [];
  let answers: Record<string, (request: any) => Answer> = {};
  /** What a node was asked to run, and in what. */
  let ran: unknown[] = [];
  const node = {
    checkRunning() {},
    exec: async (_pod: unknown, container: string, command: readonly string[]) => (ran.push([container, ...command]), 0),
  } as unknown as NodeService;

  before(async () => {
    cluster = await startControlCluster({ scheduler: false, nodeServices: (name) => (name === 'n1' ? node : undefined) });
    const authority = await createAuthority('hooks', systemClock);
    const own = await issueCertificate(authority, { commonName: 'hook', organizations: [], dnsNames: ['localhost', 'hook.default.svc'], ipAddresses: ['127.0.0.1'], days: 1, usages: ['server'] }, systemClock);
    caBundle = Buffer.from(authority.certPem).toString('base64');
    server = createServer({ key: own.keyPem, cert: own.certPem }, (incoming, outgoing) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('end', () => {
        const review = JSON.parse(Buffer.concat(chunks).toString());
        const path = incoming.url!.split('?')[0]!;
        asked.push({ path, request: review.request, kind: review.kind });
        const answer = answers[path]?.(review.request) ?? { allowed: true };
        if (answer === 'hang') return;
        const response = 'raw' in answer ? { uid: review.request.uid, ...answer.raw } : { uid: review.request.uid, allowed: answer.allowed ?? true, ...(answer.status ? { status: answer.status } : {}), ...(answer.warnings ? { warnings: answer.warnings } : {}), ...(answer.patch ? { patchType: 'JSONPatch', patch: Buffer.from(JSON.stringify(answer.patch)).toString('base64') } : {}) };
        outgoing.setHeader('content-type', 'application/json');
        outgoing.end(JSON.stringify({ kind: review.kind, apiVersion: review.apiVersion, response }));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    ({ port } = server.address() as AddressInfo);
  });
  after(async () => {
    await cluster[Symbol.asyncDispose]();
    server.closeAllConnections();
    server.close();
  });
  afterEach(async () => {
    const { client, signal } = cluster;
    for (const kind of [mutatingWebhookConfigurations, validatingWebhookConfigurations]) await client.deleteCollection(kind as Resource, {}, {}, signal);
    await client.deleteCollection(configMaps as Resource, { namespace: 'default', labelSelector: 'hooked' }, {}, signal);
    asked = [];
    answers = {};
    ran = [];
  });

  const hook = (name: string, path: string, more: object = {}): any => ({ name: `${name}.hooks.example.com`, sideEffects: 'None', admissionReviewVersions: ['v1'], clientConfig: { url: `https://127.0.0.1:${port}${path}`, caBundle }, rules: [{ operations: ['CREATE', 'UPDATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] }], objectSelector: { matchLabels: { hooked: 'yes' } }, ...more });
  const configure = (kind: Resource<any>, name: string, ...webhooks: object[]) => cluster.client.create(kind, { metadata: { name }, webhooks } as never, cluster.signal);
  const map = (name: string, data: object = {}, labels: object = {}): any => ({ metadata: { name, namespace: 'default', labels: { hooked: 'yes', ...labels } }, data });
  const create = (object: any): Promise<any> => cluster.client.create(configMaps as Resource<any>, object, cluster.signal);

  it('are filled in and checked', async () => {
    const made: any = await configure(mutatingWebhookConfigurations, 'filled', hook('a', '/a', { objectSelector: undefined }));
    const { failurePolicy, matchPolicy, timeoutSeconds, reinvocationPolicy, namespaceSelector, objectSelector, rules } = made.webhooks[0];
    assert.deepEqual({ failurePolicy, matchPolicy, timeoutSeconds, reinvocationPolicy, namespaceSelector, objectSelector, scope: rules[0].scope }, { failurePolicy: 'Fail', matchPolicy: 'Equivalent', timeoutSeconds: 10, reinvocationPolicy: 'Never', namespaceSelector: {}, objectSelector: {}, scope: '*' });
    await assert.rejects(configure(validatingWebhookConfigurations, 'bad', hook('b', '/b', { name: 'short', sideEffects: 'Some', timeoutSeconds: 31, clientConfig: { url: 'http://x/a' }, matchConditions: [{ name: 'x', expression: 'object.' }] })), (error: Error) => {
      for (const part of [/webhooks\[0\]\.name: Invalid value: "short": should be a domain with at least three segments/, /sideEffects: Unsupported value: "Some": supported values: "None", "NoneOnDryRun"/, /timeoutSeconds: Invalid value: 31: the timeout value must be between 1 and 30 seconds/, /'https' is the only allowed URL scheme/, /matchConditions\[0\]\.expression: Invalid value: "object\.": compilation failed/]) assert.match(error.message, part);
      return true;
    });
  });

  it('change objects in order, are asked again when others changed them, and say what they like', async () => {
    answers['/first'] = (request) => ({ patch: [{ op: 'add', path: '/data/first', value: String(Object.keys(request.object.data ?? {}).length) }], warnings: ['be careful'] });
    answers['/second'] = () => ({ patch: [{ op: 'add', path: '/data/second', value: 'yes' }] });
    await configure(mutatingWebhookConfigurations, 'b-second', hook('second', '/second'));
    await configure(mutatingWebhookConfigurations, 'a-first', hook('first', '/first', { reinvocationPolicy: 'IfNeeded' }));
    const made = await create(map('changed', { a: '1' }));
    assert.deepEqual(made.data, { a: '1', first: '3', second: 'yes' });
    assert.deepEqual(asked.map(({ path }) => path), ['/first', '/second', '/first']);
    const [{ request }] = asked as [any];
    assert.deepEqual([request.operation, request.kind, request.resource, request.name, request.namespace, request.oldObject, request.dryRun], ['CREATE', { group: '', version: 'v1', kind: 'ConfigMap' }, { group: '', version: 'v1', resource: 'configmaps' }, 'changed', 'default', null, false]);
    assert.equal(request.userInfo.username, 'system:apiserver');
    answers['/second'] = () => ({ patch: [{ op: 'replace', path: '/data/none/deep', value: 1 }] });
    await assert.rejects(create(map('broken')), /replace operation does not apply/);
  });

  it('refuse, with their own status; those who are not meant are not asked', async () => {
    answers['/no'] = (request) => (request.object.data?.ok ? { allowed: true } : { allowed: false, status: { code: 409, message: 'not today' } });
    await configure(validatingWebhookConfigurations, 'no', hook('no', '/no', { matchConditions: [{ name: 'not-skipped', expression: "!has(object.metadata.labels.skip) && request.operation == 'CREATE'" }] }));
    await assert.rejects(create(map('no')), (error: any) => error.code === 409 && error.message === 'admission webhook "no.hooks.example.com" denied the request: not today');
    await create(map('ok', { ok: 'yes' }));
    const before = asked.length;
    await create(map('skipped', {}, { skip: 'me' }));
    await create({ ...map('unlabelled'), metadata: { name: 'unlabelled', namespace: 'default' } });
    await cluster.client.create(namespaces, { metadata: { name: 'other' }, spec: {} }, cluster.signal);
    assert.equal(asked.length, before);
  });

  it('that fail stop a write, or not, as they are told; dry runs are for those without side effects', async () => {
    answers['/hang'] = () => 'hang';
    await configure(validatingWebhookConfigurations, 'hang', hook('hang', '/hang', { timeoutSeconds: 1 }));
    await assert.rejects(create(map('hung')), /Internal error occurred: failed calling webhook "hang\.hooks\.example\.com": failed to call webhook: Post "https:\/\/127\.0\.0\.1:\d+\/hang\?timeout=1s": context deadline exceeded/);
    await cluster.client.delete(validatingWebhookConfigurations, { namespace: '', name: 'hang' }, {}, cluster.signal);
    await configure(validatingWebhookConfigurations, 'wrong', hook('wrong', '/wrong', { failurePolicy: 'Ignore', clientConfig: { url: 'https://127.0.0.1:1/x' } }));
    await create(map('ignored'));
  });

  it('are found through a Service, and asked about deletions and subresources', async () => {
    const { client, signal } = cluster;
    await client.create(services as Resource<any>, { metadata: { name: 'hook', namespace: 'default' }, spec: { type: 'ExternalName', externalName: 'localhost' } } as never, signal);
    answers['/deleted'] = (request) => ({ allowed: request.oldObject.metadata.labels.keep !== 'yes', status: { message: 'it is kept' } });
    await create(map('kept', {}, { keep: 'yes' }));
    await configure(validatingWebhookConfigurations, 'deletions', hook('del', '/x', { clientConfig: { service: { name: 'hook', namespace: 'default', path: '/deleted', port }, caBundle }, rules: [{ operations: ['DELETE'], apiGroups: ['*'], apiVersions: ['*'], resources: ['*'] }] }));
    await assert.rejects(client.delete(configMaps, { namespace: 'default', name: 'kept' }, {}, signal), /denied the request: it is kept/);
    await client.deleteCollection(validatingWebhookConfigurations as Resource, {}, {}, signal);
    await configure(validatingWebhookConfigurations, 'status', hook('status', '/status', { objectSelector: {}, rules: [{ operations: ['UPDATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods/status'] }] }));
    await client.create(pods, podOf('watched'), signal);
    await client.patch(pods, { namespace: 'default', name: 'watched' }, { type: 'merge', body: { metadata: { labels: { a: 'b' } } } }, signal);
    assert.deepEqual(asked.filter(({ path }) => path === '/status'), []);
    await client.patch(pods, { namespace: 'default', name: 'watched' }, { type: 'merge', subresource: 'status', body: { status: { message: 'x' } } }, signal);
    assert.deepEqual(asked.filter(({ path }) => path === '/status').map(({ request }) => request.subResource), ['status']);
  });

  it('are asked about connections by what these are asked for by, and may change or refuse it', async () => {
    const { client, server, signal } = cluster;
    const pod: any = podOf('streams');
    await client.create(pods, { ...pod, spec: { ...pod.spec, nodeName: 'n1' } }, signal);
    const transport = server.transport(identities.apiServer);
    const exec = async (command: string[], more: Record<string, string[]> = {}) => {
      const stream = await transport.connect({ verb: 'connect', resource: pods, namespace: 'default', name: 'streams', subresource: 'exec', options: { query: { stdout: ['true'], stdin: ['0'], command, ...more } } }, signal);
      await once(stream.resume(), 'end');
    };
    const rules = [{ operations: ['CONNECT'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods/exec', 'pods/attach'] }];
    await configure(mutatingWebhookConfigurations, 'connections', hook('change', '/change', { objectSelector: {}, rules }), hook('labels', '/labels', { rules }));
    await configure(validatingWebhookConfigurations, 'connections', hook('check', '/check', { objectSelector: {}, rules, matchConditions: [{ name: 'no-true', expression: "object.kind == 'PodExecOptions' && object.command != ['true']" }] }));
    await exec(['ls', '-l', 'a b']);
    assert.deepEqual(ran.splice(0), [['main', 'ls', '-l', 'a b']]);
    assert.deepEqual(asked.map(({ path }) => path), ['/change', '/check'], 'what is asked for has no labels');
    const { uid: _, userInfo, ...request } = asked[0]!.request;
    assert.deepEqual(request, {
      kind: { group: '', version: 'v1', kind: 'PodExecOptions' }, requestKind: { group: '', version: 'v1', kind: 'PodExecOptions' },
      resource: { group: '', version: 'v1', resource: 'pods' }, requestResource: { group: '', version: 'v1', resource: 'pods' },
      subResource: 'exec', requestSubResource: 'exec', name: 'streams', namespace: 'default', operation: 'CONNECT',
      object: { kind: 'PodExecOptions', apiVersion: 'v1', stdout: true, command: ['ls', '-l', 'a b'] }, oldObject: null, dryRun: false, options: null,
    });
    assert.equal(userInfo.username, 'system:apiserver');

    answers['/change'] = () => ({ patch: [{ op: 'add', path: '/command/0', value: 'nice' }, { op: 'add', path: '/container', value: 'main' }] });
    answers['/check'] = ({ object }) => ({ allowed: !object.command.includes('sh'), status: { message: 'no shells' } });
    await exec(['ls']);
    assert.deepEqual(ran.splice(0), [['main', 'nice', 'ls']]);
    assert.deepEqual(asked.at(-1)!.request.object.command, ['nice', 'ls']);
    await assert.rejects(exec(['sh']), (error: any) => error.code === 400 && error.message === 'admission webhook "check.hooks.example.com" denied the request: no shells');
    answers['/change'] = () => ({ patch: [{ op: 'replace', path: '/command', value: 'ls' }] });
    await assert.rejects(exec(['ls']), /Internal error occurred: PodExecOptions\.command is not of type \[\]string/);
    assert.deepEqual(ran, []);
  });

  it('are asked about subresources by their own objects, and may change these', async () => {
    const { client, signal, server } = cluster;
    await cluster.addNode('n1');
    const pod = (name: string): any => podOf(name);
    await client.create(pods, pod('bound'), signal);
    await client.create(pods, pod('moved'), signal);
    const rules = ['pods/binding', 'pods/eviction', 'pods/ephemeralcontainers', 'deployments/scale', 'serviceaccounts/token'].map((resource) => ({ operations: ['CREATE', 'UPDATE'], apiGroups: ['', 'apps'], apiVersions: ['v1'], resources: [resource] }));
    await configure(mutatingWebhookConfigurations, 'subresources', hook('sub', '/sub', { objectSelector: {}, rules }));
    const call = (verb: 'create' | 'update' | 'patch', resource: Resource<any>, name: string, subresource: string, body: object, rest: object = {}): Promise<any> => server.transport(identities.apiServer).call({ verb, resource, namespace: 'default', name, subresource, body, options: {}, ...rest } as never, signal);
    const last = () => {
      const { operation, kind, resource, subResource, object, oldObject } = asked.at(-1)!.request;
      return [operation, `${kind.group}/${kind.version} ${kind.kind}`, `${resource.resource}/${subResource}`, object.kind, oldObject?.kind];
    };

    answers['/sub'] = () => ({ patch: [{ op: 'add', path: '/metadata/labels', value: { zone: 'a' } }] });
    await call('create', pods, 'bound', 'binding', { apiVersion: 'v1', kind: 'Binding', metadata: { name: 'bound' }, target: { kind: 'Node', name: 'n1' } });
    assert.deepEqual(last(), ['CREATE', '/v1 Binding', 'pods/binding', 'Binding', undefined]);
    const bound: any = await client.get(pods, { namespace: 'default', name: 'bound' }, signal);
    assert.deepEqual([bound.spec.nodeName, bound.metadata.labels.zone], ['n1', 'a']);

    answers['/sub'] = ({ object }) => ({ patch: [{ op: 'add', path: `/spec/ephemeralContainers/${object.spec.ephemeralContainers.length - 1}/env`, value: [{ name: 'BY', value: 'hook' }] }] });
    const debugged = await call('patch', pods, 'bound', 'ephemeralcontainers', { spec: { ephemeralContainers: [{ name: 'debug', image: 'busybox' }] } }, { patchType: 'strategic' });
    assert.deepEqual(last(), ['UPDATE', '/v1 Pod', 'pods/ephemeralcontainers', 'Pod', 'Pod']);
    assert.deepEqual(debugged.spec.ephemeralContainers.map(({ name, env }: any) => [name, env]), [['debug', [{ name: 'BY', value: 'hook' }]]]);

    answers['/sub'] = ({ object }) => ({ patch: [{ op: 'replace', path: '/spec/replicas', value: Math.min(object.spec.replicas, 3) }] });
    await client.create(deployments as Resource<any>, deploymentOf('scaled', 1) as never, signal);
    const scaled = await call('patch', deployments as Resource<any>, 'scaled', 'scale', { spec: { replicas: 9 } }, { patchType: 'merge' });
    assert.deepEqual(last(), ['UPDATE', 'autoscaling/v1 Scale', 'deployments/scale', 'Scale', 'Scale']);
    assert.deepEqual([scaled.spec.replicas, ((await client.get(deployments as Resource<any>, { namespace: 'default', name: 'scaled' }, signal)) as any).spec.replicas], [3, 3]);
    answers['/sub'] = () => ({ patch: [{ op: 'replace', path: '/spec/replicas', value: -1 }] });
    await assert.rejects(call('patch', deployments as Resource<any>, 'scaled', 'scale', { spec: { replicas: 2 } }, { patchType: 'merge' }), /spec\.replicas: Invalid value: -1/);

    answers['/sub'] = ({ object }) => (object.kind === 'Eviction' ? { allowed: false, status: { code: 429, message: 'wait' } } : {});
    const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'moved', namespace: 'default' } };
    await assert.rejects(call('create', pods, 'moved', 'eviction', eviction), (error: any) => error.code === 429 && /denied the request: wait/.test(error.message));
    assert.deepEqual(last(), ['CREATE', 'policy/v1 Eviction', 'pods/eviction', 'Eviction', undefined]);
    assert.ok(await client.get(pods, { namespace: 'default', name: 'moved' }, signal));

    answers['/sub'] = () => ({ patch: [{ op: 'replace', path: '/spec/expirationSeconds', value: 1200 }] });
    const token = await call('create', serviceAccounts as Resource<any>, 'default', 'token', { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { audiences: ['a'] } });
    assert.deepEqual(last(), ['CREATE', 'authentication.k8s.io/v1 TokenRequest', 'serviceaccounts/token', 'TokenRequest', undefined]);
    assert.equal(token.spec.expirationSeconds, 1200);
  });

  it('are reached at an endpoint of their Service that is ready', async () => {
    const objects: Record<string, any[]> = {
      services: [{ metadata: { name: 'hook' }, spec: { ports: [{ name: 'https', port: 443 }] } }],
      endpointslices: [{ metadata: { labels: { 'kubernetes.io/service-name': 'hook' } }, ports: [{ name: 'https', port }], endpoints: [{ addresses: ['127.0.0.9'], conditions: { ready: false } }, { addresses: ['127.0.0.1'], conditions: { ready: true } }] }],
    };
    const world: AdmissionWorld = { get: (of) => objects[of.plural]![0], list: (of) => objects[of.plural] as never, kindNamed: () => undefined };
    const client = createWebhookClient(world, systemClock, systemRandom, new HttpCalls());
    const config = { service: { name: 'hook', namespace: 'default', path: '/there' }, caBundle };
    assert.equal(((await client.post(config, { kind: 'AdmissionReview', request: { uid: '1' } }, 5_000)) as any).response.uid, '1');
    assert.deepEqual(asked.map(({ path }) => path), ['/there']);
    objects['endpointslices'] = [];
    await assert.rejects(client.post(config, {}, 5_000), /no endpoints available for service "hook"/);
    objects['services'] = [];
    await assert.rejects(client.post(config, {}, 5_000), /service "hook" not found/);
  });

  it('convert custom objects between versions', async () => {
    const { client, signal } = cluster;
    const schema = (field: string) => ({ openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object', properties: { [field]: { type: 'string' } } } } } });
    answers['/convert'] = (request) => ({
      raw: {
        result: { status: 'Success' },
        convertedObjects: request.objects.map((object: any) => ({ ...object, apiVersion: request.desiredAPIVersion, spec: request.desiredAPIVersion.endsWith('/v2') ? { title: object.spec.name } : { name: object.spec.title } })),
      },
    });
    await client.create(customResourceDefinitions, {
      metadata: { name: 'books.example.com' },
      spec: {
        group: 'example.com', scope: 'Namespaced', names: { plural: 'books', kind: 'Book' },
        conversion: { strategy: 'Webhook', webhook: { conversionReviewVersions: ['v1'], clientConfig: { url: `https://127.0.0.1:${port}/convert`, caBundle } } },
        versions: [{ name: 'v1', served: true, storage: true, schema: schema('name') }, { name: 'v2', served: true, storage: false, schema: schema('title') }],
      },
    } as never, signal);
    await cluster.until('books are served', () => {
      const found = cluster.informers.of(customResourceDefinitions).get({ namespace: '', name: 'books.example.com' });
      return found && isEstablished(found);
    });
    const book = (version: string): Resource<any> => ({ group: 'example.com', version, plural: 'books', kind: 'Book', namespaced: true });
    await client.create(book('v2'), { metadata: { name: 'one', namespace: 'default' }, spec: { title: 'A' } } as never, signal);
    await client.create(book('v1'), { metadata: { name: 'two', namespace: 'default' }, spec: { name: 'B' } } as never, signal);
    assert.deepEqual((await client.list(book('v1'), {}, signal)).items.map(({ spec }) => spec), [{ name: 'A' }, { name: 'B' }]);
    assert.deepEqual((await client.list(book('v2'), {}, signal)).items.map(({ spec }) => spec), [{ title: 'A' }, { title: 'B' }]);
    const patched = await client.patch(book('v2'), { namespace: 'default', name: 'two' }, { type: 'merge', body: { spec: { title: 'C' } } }, signal);
    assert.deepEqual([patched.apiVersion, patched.spec], ['example.com/v2', { title: 'C' }]);
    assert.deepEqual((await client.get(book('v1'), { namespace: 'default', name: 'two' }, signal)).spec, { name: 'C' });
    const told: any[] = [];
    const stop = new AbortController();
    const watching = (async () => {
      for await (const event of client.watch(book('v2'), { namespace: 'default' }, AbortSignal.any([stop.signal, signal]))) {
        told.push([event.type, (event.object as any).spec]);
        if (told.length === 3) return;
      }
    })();
    await client.patch(book('v1'), { namespace: 'default', name: 'one' }, { type: 'merge', body: { spec: { name: 'D' } } }, signal);
    await watching;
    assert.deepEqual(told.at(-1), ['MODIFIED', { title: 'D' }]);
    answers['/convert'] = () => ({ raw: { result: { status: 'Failed', message: 'cannot' } } });
    await assert.rejects(client.patch(book('v2'), { namespace: 'default', name: 'one' }, { type: 'merge', body: { spec: { title: 'E' } } }, signal), /conversion webhook for .* failed: cannot/);
  });
});
