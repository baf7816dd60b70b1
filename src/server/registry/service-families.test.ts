// Services of one IP family and of two, as the registry writes them; the words are Kubernetes'.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { services } from '../../api/kinds/index.ts';
import { kindsWithoutRoles, startTestServer, type TestServer } from '../test-server.ts';

type Spec = Record<string, any>;

const on = (serviceRanges: string[], run: (use: ReturnType<typeof uses>) => Promise<void>) => async () => {
  await using server = await startTestServer({ kinds: kindsWithoutRoles, serviceRanges });
  await run(uses(server));
};
const dual = (run: (use: ReturnType<typeof uses>) => Promise<void>) => on(['10.96.0.0/24', 'fd00:10:96::/112'], run);
const single = (run: (use: ReturnType<typeof uses>) => Promise<void>) => on(['10.96.0.0/24'], run);

function uses({ call }: TestServer) {
  const body = (spec: Spec, name = 's') => ({ metadata: { name }, spec: { ports: [{ port: 80 }], selector: { a: 'b' }, ...spec } });
  const specOf = ({ spec }: { spec: Spec }) => spec;
  return {
    create: (spec: Spec, name = 's'): Promise<Spec> => call('create', services, { namespace: 'default', body: body(spec, name) }).then(specOf),
    put: (spec: Spec): Promise<Spec> => call('update', services, { namespace: 'default', name: 's', body: body(spec) }).then(specOf),
    patch: (spec: Spec): Promise<Spec> => call('patch', services, { namespace: 'default', name: 's', patchType: 'merge', body: { spec } } as never).then(specOf),
    remove: () => call('delete', services, { namespace: 'default', name: 's' }),
  };
}

async function refused(promise: Promise<unknown>, ...messages: string[]): Promise<void> {
  const error: any = await promise.then((spec) => assert.fail(`was accepted: ${JSON.stringify(spec)}`), (error: unknown) => error);
  const causes = error.details?.causes?.map(({ field, message }: { field: string; message: string }) => `${field}: ${message}`) ?? [String(error)];
  assert.deepEqual(causes, messages);
}

const isV4 = (ip: string) => assert.match(ip, /^10\.96\.0\.\d+$/);
const isV6 = (ip: string) => assert.match(ip, /^fd00:10:96::[0-9a-f]+$/);

describe('families of Services', () => {
  test('one, where nothing else is asked for; the first of the cluster', dual(async ({ create }) => {
    const spec = await create({});
    assert.deepEqual([spec['ipFamilyPolicy'], spec['ipFamilies'], spec['clusterIPs']], ['SingleStack', ['IPv4'], [spec['clusterIP']]]);
    isV4(spec['clusterIP']);
    const other = await create({ ipFamilies: ['IPv6'] }, 't');
    assert.deepEqual([other['ipFamilyPolicy'], other['clusterIPs']], ['SingleStack', [other['clusterIP']]]);
    isV6(other['clusterIP']);
  }));

  test('two, in the order asked for', dual(async ({ create }) => {
    const prefer = await create({ ipFamilyPolicy: 'PreferDualStack' });
    assert.deepEqual(prefer['ipFamilies'], ['IPv4', 'IPv6']);
    isV4(prefer['clusterIPs'][0]);
    isV6(prefer['clusterIPs'][1]);
    const require = await create({ ipFamilyPolicy: 'RequireDualStack', ipFamilies: ['IPv6'] }, 't');
    assert.deepEqual(require['ipFamilies'], ['IPv6', 'IPv4']);
    isV6(require['clusterIP']);
    isV4(require['clusterIPs'][1]);
  }));

  test('addresses asked for say their families', dual(async ({ create }) => {
    const spec = await create({ ipFamilyPolicy: 'RequireDualStack', clusterIP: 'fd00:10:96::A', clusterIPs: ['fd00:10:96::A', '10.96.0.10'] });
    assert.deepEqual([spec['clusterIPs'], spec['ipFamilies']], [['fd00:10:96::A', '10.96.0.10'], ['IPv6', 'IPv4']]);
    await refused(create({ clusterIP: 'fd00:10:96:0::a' }, 't'), 'spec.clusterIPs: Invalid value: ["fd00:10:96:0::a"]: failed to allocate IP fd00:10:96:0::a: provided IP is already allocated');
    await refused(create({ clusterIP: 'fd00:10:97::1' }, 't'), 'spec.clusterIPs: Invalid value: ["fd00:10:97::1"]: failed to allocate IP fd00:10:97::1: the provided IP (fd00:10:97::1) is not in the valid range. The range of valid IPs is fd00:10:96::/112');
    await refused(create({ clusterIP: 'fd00:10:96::b', ipFamilies: ['IPv4'] }, 't'), 'spec.clusterIPs[0]: Invalid value: "fd00:10:96::b": expected an IPv4 value as indicated by `ipFamilies[0]`');
    await refused(create({ clusterIP: '10.96.0.20', clusterIPs: ['10.96.0.20', '10.96.0.21'], ipFamilyPolicy: 'PreferDualStack' }, 't'), 'spec.clusterIPs: Invalid value: ["10.96.0.20","10.96.0.21"]: may specify no more than one IP for each IP family');
    await refused(
      create({ clusterIP: '10.96.0.20', clusterIPs: ['10.96.0.20', 'fd00:10:96::20'], ipFamilyPolicy: 'SingleStack' }, 't'),
      'spec.ipFamilyPolicy: Invalid value: "SingleStack": must be RequireDualStack or PreferDualStack when multiple cluster IPs are specified',
    );
  }));

  test('a second comes and goes by the policy alone, and is given back', dual(async ({ create, patch, put, remove }) => {
    const { clusterIP } = await create({});
    const up = await patch({ ipFamilyPolicy: 'PreferDualStack' });
    assert.deepEqual([up['clusterIPs'][0], up['ipFamilies']], [clusterIP, ['IPv4', 'IPv6']]);
    assert.deepEqual((await put({ ipFamilyPolicy: 'PreferDualStack' }))['clusterIPs'], up['clusterIPs'], 'who leaves them out keeps them');
    assert.deepEqual((await put({ clusterIP }))['clusterIPs'], up['clusterIPs'], 'also who knows only the first');
    const down = await patch({ ipFamilyPolicy: 'SingleStack' });
    assert.deepEqual([down['clusterIPs'], down['ipFamilies']], [[clusterIP], ['IPv4']]);
    await create({ clusterIP: up['clusterIPs'][1] }, 't');
    await remove();
    await create({ clusterIP }, 'u');
  }));

  test('neither goes without its word, and the first never', dual(async ({ create, patch }) => {
    const { clusterIPs } = await create({ ipFamilyPolicy: 'RequireDualStack' });
    await refused(
      patch({ clusterIPs: [clusterIPs[0]] }),
      `spec.clusterIPs[0]: Invalid value: ["${clusterIPs[0]}"]: \`ipFamilyPolicy\` must be set to 'SingleStack' when releasing the secondary clusterIP`,
    );
    await refused(patch({ ipFamilies: ['IPv4'] }), "spec.ipFamilies[0]: Invalid value: [\"IPv4\"]: `ipFamilyPolicy` must be set to 'SingleStack' when releasing the secondary ipFamily");
    await refused(
      patch({ ipFamilies: ['IPv6', 'IPv4'], clusterIP: clusterIPs[1], clusterIPs: [clusterIPs[1], clusterIPs[0]] }),
      ...[0, 1].map((index) => `spec.clusterIPs[${index}]: Invalid value: ["${clusterIPs[1]}","${clusterIPs[0]}"]: may not change once set`),
      ...[0, 1].map((index) => `spec.ipFamilies[${index}]: Invalid value: ["IPv6","IPv4"]: may not change once set`),
    );
  }));

  test('headless: with a selector as others; without one both, whatever the cluster has', single(async ({ create }) => {
    const own = await create({ clusterIP: 'None' });
    assert.deepEqual([own['ipFamilyPolicy'], own['ipFamilies'], own['clusterIPs']], ['SingleStack', ['IPv4'], ['None']]);
    const free = await create({ clusterIP: 'None', selector: undefined }, 't');
    assert.deepEqual([free['ipFamilyPolicy'], free['ipFamilies'], free['clusterIPs']], ['RequireDualStack', ['IPv4', 'IPv6'], ['None']]);
  }));

  test('to ExternalName and back', dual(async ({ create, put }) => {
    await create({ ipFamilyPolicy: 'PreferDualStack' });
    const named = await put({ type: 'ExternalName', externalName: 'a.example' });
    assert.deepEqual([named['clusterIP'], named['clusterIPs'], named['ipFamilies'], named['ipFamilyPolicy']], [undefined, undefined, undefined, undefined]);
    const back = await put({ type: 'ClusterIP' });
    assert.deepEqual([back['ipFamilyPolicy'], back['ipFamilies'].length, back['clusterIPs'].length], ['SingleStack', 1, 1]);
  }));

  test('a cluster of one family', single(async ({ create }) => {
    const spec = await create({ ipFamilyPolicy: 'PreferDualStack' });
    assert.deepEqual([spec['ipFamilyPolicy'], spec['ipFamilies'], spec['clusterIPs'].length], ['PreferDualStack', ['IPv4'], 1]);
    await refused(create({ ipFamilyPolicy: 'RequireDualStack' }, 't'), 'spec.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services');
    await refused(create({ ipFamilies: ['IPv6'] }, 't'), 'spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster');
    await refused(create({ clusterIP: 'fd00::1' }, 't'), 'spec.clusterIPs[0]: Invalid value: ["fd00::1"]: IPv6 is not configured on this cluster');
    await refused(create({ ipFamilies: ['IPv4', 'IPv4'] }, 't'), 'spec.ipFamilies[1]: Duplicate value: "IPv4"');
  }));
});
