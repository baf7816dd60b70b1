// Manifests that old charts and operators bring: definitions, webhooks, autoscalers and claims for devices as versions had them that
// upstream serves no more, or soon will not. What is said in one version is there in the others, and nothing is lost on the way.
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { configMaps, customResourceDefinitions, horizontalPodAutoscalers } from '../../src/api/kinds/index.ts';
import { olderVersions } from '../../src/api/kinds/older-versions.ts';
import { resourceClaims, resourceClaimTemplates } from '../../src/api/kinds/resource-claim.ts';
import { resourceSlices } from '../../src/api/kinds/device-class.ts';
import { validatingWebhookConfigurations } from '../../src/api/kinds/webhook-configuration.ts';
import type { ApiRequest, ResourceName } from '../../src/api/request.ts';
import { systemClock } from '../../src/base/clock.ts';
import { identities } from '../../src/server/auth/authorize.ts';
import { createAuthority, issueCertificate } from '../../src/server/auth/certificates.ts';
import { startControlCluster, type ControlCluster } from './control-cluster.ts';

let cluster: ControlCluster;
let server: Server;
let clientConfig: { url: string; caBundle: string };
/** What webhooks have been asked. */
const asked: any[] = [];

before(async () => {
  cluster = await startControlCluster({ scheduler: false });
  const authority = await createAuthority('hooks', systemClock);
  const own = await issueCertificate(authority, { commonName: 'hook', organizations: [], ipAddresses: ['127.0.0.1'], days: 1, usages: ['server'] }, systemClock);
  server = createServer({ key: own.keyPem, cert: own.certPem }, (incoming, outgoing) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      const { kind, apiVersion, request } = JSON.parse(Buffer.concat(chunks).toString());
      asked.push({ kind, apiVersion, request });
      const turned = (object: any) => ({ ...object, apiVersion: request.desiredAPIVersion, ...(object.spec.host ? { spec: { address: object.spec.host } } : { spec: { host: object.spec.address } }) });
      // v1beta1 does not ask that the answer says of which kind it is.
      const response = kind === 'ConversionReview' ? { result: { status: 'Success' }, convertedObjects: request.objects.map(turned) } : { allowed: request.name !== 'refused', status: { message: 'no' } };
      outgoing.setHeader('content-type', 'application/json');
      outgoing.end(JSON.stringify({ kind, apiVersion, response: { uid: request.uid, ...response } }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  clientConfig = { url: `https://127.0.0.1:${(server.address() as AddressInfo).port}/`, caBundle: Buffer.from(authority.certPem).toString('base64') };
});
after(async () => {
  await cluster[Symbol.asyncDispose]();
  server.closeAllConnections();
  server.close();
});

const call = (verb: ApiRequest['verb'], { group, version, plural }: ResourceName, more: Partial<ApiRequest> = {}): Promise<any> =>
  cluster.server.transport(identities.apiServer).call({ verb, resource: { group, version, plural }, namespace: undefined, options: {}, ...more }, cluster.signal);
const older = (group: string, version: string, plural: string) => olderVersions.find((kind) => kind.group === group && kind.version === version && kind.plural === plural)!;
const olderDefinitions = older('apiextensions.k8s.io', 'v1beta1', 'customresourcedefinitions');
const of = (plural: string, version = 'v1'): ResourceName => ({ group: 'old.example.com', version, plural });
const inDefault = { namespace: 'default' };

async function define(plural: string, kind: string, spec: object): Promise<any> {
  const name = `${plural}.old.example.com`;
  const made = await call('create', olderDefinitions, { body: { metadata: { name }, spec: { group: 'old.example.com', names: { plural, kind }, ...spec } } });
  // The condition is written with the names, and the kind is served in that breath.
  await cluster.until(`${name} is served`, () => cluster.informers.of(customResourceDefinitions).get({ namespace: '', name })?.status.conditions?.some(({ type, status }) => type === 'Established' && status === 'True'));
  return made;
}

test('a definition of one version without types prunes nothing, validates, and is told to be non-structural', async () => {
  const validation = { openAPIV3Schema: { properties: { spec: { required: ['size'], properties: { size: { type: 'integer', minimum: 1 } } } } } };
  const additionalPrinterColumns = [{ name: 'Size', type: 'integer', JSONPath: '.spec.size', priority: 0 }];
  const made = await define('widgets', 'Widget', { version: 'v1', validation, additionalPrinterColumns, subresources: { status: {} } });
  assert.deepEqual([made.apiVersion, made.spec.scope, made.spec.preserveUnknownFields, made.spec.conversion], ['apiextensions.k8s.io/v1beta1', 'Namespaced', true, { strategy: 'None' }]);
  assert.deepEqual([made.spec.validation, made.spec.additionalPrinterColumns, made.spec.subresources], [validation, additionalPrinterColumns, { status: {} }]);
  assert.deepEqual([made.spec.version, made.spec.versions], ['v1', [{ name: 'v1', served: true, storage: true }]]);

  const stored = await call('get', customResourceDefinitions, { name: 'widgets.old.example.com' });
  assert.deepEqual(stored.spec.versions, [{ name: 'v1', served: true, storage: true, schema: validation, subresources: { status: {} }, additionalPrinterColumns: [{ name: 'Size', type: 'integer', jsonPath: '.spec.size', priority: 0 }] }]);
  assert.equal(stored.spec.preserveUnknownFields, true);
  const condition = stored.status.conditions.find(({ type }: any) => type === 'NonStructuralSchema');
  assert.deepEqual([condition.status, condition.reason], ['True', 'Violations']);
  assert.equal(
    condition.message,
    '[spec.preserveUnknownFields: Invalid value: true: must be false, spec.versions[0].schema.openAPIV3Schema.properties[spec].type: Required value: must not be empty for specified object fields, ' +
      'spec.versions[0].schema.openAPIV3Schema.type: Required value: must not be empty at the root]',
  );

  const widget = await call('create', of('widgets'), { ...inDefault, options: { fieldValidation: 'Strict' }, body: { apiVersion: 'old.example.com/v1', kind: 'Widget', metadata: { name: 'one' }, spec: { size: 2, other: { deep: [1] } }, top: 'kept' } });
  assert.deepEqual([widget.spec, widget.top], [{ size: 2, other: { deep: [1] } }, 'kept']);
  await assert.rejects(call('create', of('widgets'), { ...inDefault, body: { metadata: { name: 'two' }, spec: { size: 0 } } }), /spec\.size: Invalid value: 0: spec\.size in body should be greater than or equal to 1/);
  const status = await call('patch', of('widgets'), { ...inDefault, name: 'one', subresource: 'status', patchType: 'merge', body: { status: { ready: true }, spec: { size: 9 } } });
  assert.deepEqual([status.status, status.spec.size], [{ ready: true }, 2]);
  const applied = await call('patch', of('widgets'), { ...inDefault, name: 'one', patchType: 'apply', options: { fieldManager: 'm', force: true }, body: { apiVersion: 'old.example.com/v1', kind: 'Widget', metadata: { name: 'one' }, spec: { size: 3, more: 'yes' } } });
  assert.deepEqual(applied.spec, { size: 3, other: { deep: [1] }, more: 'yes' });

  // An owner who writes it in v1 may leave it as it is, and may mend it; then the condition goes.
  const labelled = await call('update', customResourceDefinitions, { name: stored.metadata.name, body: { ...stored, metadata: { ...stored.metadata, labels: { seen: 'v1' } } } });
  const structural = { type: 'object', properties: { spec: { type: 'object', properties: { size: { type: 'integer' } } } } };
  await call('update', customResourceDefinitions, { name: stored.metadata.name, body: { ...labelled, spec: { ...labelled.spec, preserveUnknownFields: false, versions: [{ ...labelled.spec.versions[0], schema: { openAPIV3Schema: structural } }] } } });
  await cluster.until('the condition has gone', () => !cluster.informers.of(customResourceDefinitions).get({ namespace: '', name: stored.metadata.name })!.status.conditions!.some(({ type }) => type === 'NonStructuralSchema'));
  const pruned = await call('get', of('widgets'), { ...inDefault, name: 'one' });
  assert.deepEqual([pruned.spec, pruned.top], [{ size: 3 }, undefined]);
});

test('a definition without any schema takes any object; several versions have what is not the same for all in each', async () => {
  await define('loose', 'Loose', { versions: [{ name: 'v1', served: true, storage: true }], scope: 'Cluster' });
  const made = await call('create', of('loose'), { body: { metadata: { name: 'x' }, anything: { a: [1, 'b', null] } } });
  assert.deepEqual(made.anything, { a: [1, 'b', null] });

  const versions = [
    { name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object', properties: { a: { type: 'string' } } } }, additionalPrinterColumns: [{ name: 'A', type: 'string', JSONPath: '.a' }] },
    { name: 'v2', served: true, storage: false, schema: { openAPIV3Schema: { type: 'object', properties: { b: { type: 'string' } } } } },
  ];
  const shown = await define('several', 'Several', { version: 'v1', versions, preserveUnknownFields: false });
  assert.deepEqual([shown.spec.version, shown.spec.versions, shown.spec.validation, shown.spec.preserveUnknownFields], ['v1', versions, undefined, false]);
  assert.equal((await call('get', customResourceDefinitions, { name: 'several.old.example.com' })).status.conditions.some(({ type }: any) => type === 'NonStructuralSchema'), false);
  assert.deepEqual((await call('create', of('several'), { ...inDefault, body: { metadata: { name: 'x' }, a: 'a', b: 'b' } })).b, undefined, 'it prunes');
});

test('what v1beta1 refuses, in its places', async () => {
  const refused = async (spec: object, why: RegExp) => assert.rejects(call('create', olderDefinitions, { body: { metadata: { name: 'bads.old.example.com' }, spec: { group: 'old.example.com', names: { plural: 'bads', kind: 'Bad' }, version: 'v1', ...spec } } }), why);
  const schema = (of: object) => ({ openAPIV3Schema: { type: 'object', properties: { a: of } } });
  await refused({ versions: [{ name: 'v2', served: true, storage: true }] }, /spec\.version: Invalid value: "v1": must match the first version in spec\.versions/);
  await refused({ versions: [{ name: 'v1', served: true, storage: true, schema: schema({}) }], validation: schema({}) }, /spec\.validation: Forbidden: top-level and per-version schemas are mutually exclusive/);
  await refused({ preserveUnknownFields: false }, /openAPIV3Schema: Required value: because otherwise all fields are pruned/);
  await refused({ preserveUnknownFields: false, validation: schema({}) }, /spec\.validation\.openAPIV3Schema\.properties\[a\]\.type: Required value: must not be empty for specified object fields/);
  await refused({ validation: schema({ type: 'string', default: 'x' }) }, /spec\.preserveUnknownFields: Invalid value: true: must be false in order to use defaults in the schema/);
  await refused({ validation: schema({ 'x-kubernetes-int-or-string': true, type: 'string' }) }, /spec\.validation\.openAPIV3Schema\.properties\[a\]\.type: Invalid value: "string": must be empty if x-kubernetes-int-or-string is true/);
  await refused({ additionalPrinterColumns: [{ name: 'A', type: 'string', JSONPath: 'a' }] }, /spec\.additionalPrinterColumns\[0\]\.JSONPath: Invalid value: "a": must be a simple json path starting with \./);
  await refused({ conversion: { strategy: 'Webhook', webhookClientConfig: clientConfig } }, /spec\.conversion\.strategy: Invalid value: "Webhook": must be None if spec\.preserveUnknownFields is true/);
  const loose = { group: 'old.example.com', scope: 'Namespaced', names: { plural: 'bads', kind: 'Bad' }, preserveUnknownFields: true, versions: [{ name: 'v1', served: true, storage: true, schema: schema({ type: 'string' }) }] };
  await assert.rejects(call('create', customResourceDefinitions, { body: { metadata: { name: 'bads.old.example.com' }, spec: loose } }), /spec\.preserveUnknownFields: Invalid value: true: cannot set to true, set x-kubernetes-preserve-unknown-fields to true/);
});

test('objects are converted through reviews of v1beta1', async () => {
  const versions = ['v1', 'v1beta1'].map((name) => ({ name, served: true, storage: name === 'v1' }));
  const shown = await define('moved', 'Moved', {
    versions, preserveUnknownFields: false, validation: { openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } } } },
    conversion: { strategy: 'Webhook', webhookClientConfig: clientConfig },
  });
  assert.deepEqual(shown.spec.conversion, { strategy: 'Webhook', webhookClientConfig: clientConfig, conversionReviewVersions: ['v1beta1'] });
  await call('create', of('moved', 'v1beta1'), { ...inDefault, body: { metadata: { name: 'x' }, spec: { host: 'h' } } });
  assert.deepEqual((await call('get', of('moved'), { ...inDefault, name: 'x' })).spec, { address: 'h' });
  const review = asked.find(({ kind }) => kind === 'ConversionReview');
  assert.deepEqual([review.apiVersion, review.request.desiredAPIVersion], ['apiextensions.k8s.io/v1beta1', 'old.example.com/v1']);
});

test('webhooks of v1beta1 have its defaults, and are asked in reviews of v1beta1', async () => {
  const configurations = older('admissionregistration.k8s.io', 'v1beta1', 'validatingwebhookconfigurations');
  const rules = [{ operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] }];
  const made = await call('create', configurations, { body: { metadata: { name: 'old' }, webhooks: [{ name: 'a.example.com', clientConfig, rules, objectSelector: { matchLabels: { hooked: 'yes' } } }] } });
  const { failurePolicy, matchPolicy, timeoutSeconds, sideEffects, admissionReviewVersions } = made.webhooks[0];
  assert.deepEqual([failurePolicy, matchPolicy, timeoutSeconds, sideEffects, admissionReviewVersions], ['Ignore', 'Exact', 30, 'Unknown', ['v1beta1']]);
  const body = (name: string) => ({ metadata: { name, labels: { hooked: 'yes' } } });
  await call('create', configMaps, { ...inDefault, body: body('allowed') });
  await assert.rejects(call('create', configMaps, { ...inDefault, body: body('refused') }), /admission webhook "a\.example\.com" denied the request: no/);
  assert.equal(asked.find(({ kind }) => kind === 'AdmissionReview').apiVersion, 'admission.k8s.io/v1beta1');
  await assert.rejects(call('create', configMaps, { ...inDefault, options: { dryRun: true }, body: body('dry') }), /does not support dry run/);
  // In v1 it may stay as it is, and may not be made so.
  const stored = await call('get', validatingWebhookConfigurations, { name: 'old' });
  assert.equal(stored.webhooks[0].sideEffects, 'Unknown');
  await call('update', validatingWebhookConfigurations, { name: 'old', body: { ...stored, metadata: { ...stored.metadata, labels: { a: 'b' } } } });
  await assert.rejects(call('create', validatingWebhookConfigurations, { body: { metadata: { name: 'new' }, webhooks: stored.webhooks } }), /webhooks\[0\]\.sideEffects: Unsupported value: "Unknown": supported values: "None", "NoneOnDryRun"/);
});

test('the flat metrics of autoscaling/v2beta1', async () => {
  const v2beta1 = older('autoscaling', 'v2beta1', 'horizontalpodautoscalers');
  const target = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' };
  const metrics = [
    { type: 'Resource', resource: { name: 'cpu', targetAverageUtilization: 50 } },
    { type: 'Resource', resource: { name: 'memory', targetAverageValue: '100Mi' } },
    { type: 'Pods', pods: { metricName: 'hits', targetAverageValue: '3' } },
    { type: 'External', external: { metricName: 'queue', targetValue: '30' } },
  ];
  const made = await call('create', v2beta1, { ...inDefault, options: { fieldValidation: 'Strict' }, body: { metadata: { name: 'flat' }, spec: { scaleTargetRef: target, maxReplicas: 5, metrics } } });
  assert.deepEqual([made.apiVersion, made.spec.minReplicas, made.spec.metrics], ['autoscaling/v2beta1', 1, metrics]);
  const stored = await call('get', horizontalPodAutoscalers, { ...inDefault, name: 'flat' });
  assert.deepEqual(stored.spec.metrics[1].resource, { name: 'memory', target: { type: 'AverageValue', averageValue: '100Mi' } });
  const behavior = { scaleDown: { stabilizationWindowSeconds: 60, policies: [{ type: 'Pods', value: 1, periodSeconds: 60 }], selectPolicy: 'Max' } };
  const behaving = await call('patch', horizontalPodAutoscalers, { ...inDefault, name: 'flat', patchType: 'merge', body: { spec: { behavior } } });
  const labelled = await call('patch', v2beta1, { ...inDefault, name: 'flat', patchType: 'merge', body: { metadata: { labels: { a: 'b' } } } });
  assert.equal(labelled.metadata.generation, behaving.metadata.generation, 'only a label has changed');
  assert.deepEqual((await call('get', horizontalPodAutoscalers, { ...inDefault, name: 'flat' })).spec, behaving.spec);
});

test('claims and devices as resource.k8s.io had them before v1beta2', async () => {
  const at = (plural: string) => older('resource.k8s.io', 'v1beta1', plural);
  const requests = [{ name: 'one', deviceClassName: 'gpu', count: 2, allocationMode: 'ExactCount' }, { name: 'any', firstAvailable: [{ name: 'big', deviceClassName: 'gpu' }] }];
  const strictly = { ...inDefault, options: { fieldValidation: 'Strict' } } as const;
  await call('create', at('resourceclaims'), { ...strictly, body: { metadata: { name: 'c' }, spec: { devices: { requests } } } });
  const exact = [{ name: 'one', exactly: { deviceClassName: 'gpu', count: 2, allocationMode: 'ExactCount' } }, requests[1]];
  assert.deepEqual((await call('get', resourceClaims, { ...inDefault, name: 'c' })).spec.devices.requests, exact);
  assert.deepEqual((await call('get', at('resourceclaims'), { ...inDefault, name: 'c' })).spec.devices.requests, requests);
  await call('create', at('resourceclaimtemplates'), { ...strictly, body: { metadata: { name: 't' }, spec: { spec: { devices: { requests } } } } });
  assert.deepEqual((await call('get', resourceClaimTemplates, { ...inDefault, name: 't' })).spec.spec.devices.requests, exact);
  const devices = [{ name: 'd', basic: { attributes: { model: { string: 'm' } }, capacity: { memory: { value: '1Gi' } } } }];
  await call('create', at('resourceslices'), { options: { fieldValidation: 'Strict' }, body: { metadata: { name: 's' }, spec: { driver: 'example.com', nodeName: 'n', pool: { name: 'p', generation: 1, resourceSliceCount: 1 }, devices } } });
  assert.deepEqual((await call('get', resourceSlices, { name: 's' })).spec.devices, [{ name: 'd', ...devices[0]!.basic }]);
  assert.deepEqual((await call('get', at('resourceslices'), { name: 's' })).spec.devices, devices);
});
