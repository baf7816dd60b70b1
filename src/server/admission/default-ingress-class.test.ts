import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ingressClasses } from '../../api/kinds/ingress-class.ts';
import { ingresses } from '../../api/kinds/ingress.ts';
import { namespaces } from '../../api/kinds/namespace.ts';
import type { Ingress } from '../../api/types.ts';
import { startTestServer } from '../test-server.ts';
import { admissions } from './admissions.ts';

const backend = { service: { name: 'web', port: { number: 80 } } };

test('served: the default class, generation, status, tables, warnings', async () => {
  await using house = await startTestServer({ admission: admissions() });
  await house.call('create', namespaces, { body: { metadata: { name: 'default' } } });
  const make = (name: string, rest: object = {}) => house.call('create', ingresses, { namespace: 'default', body: { metadata: { name }, spec: { defaultBackend: backend }, ...rest } });
  const makeClass = (name: string, isDefault: boolean) =>
    house.call('create', ingressClasses, { body: { metadata: { name, ...(isDefault ? { annotations: { 'ingressclass.kubernetes.io/is-default-class': 'true' } } : {}) }, spec: { controller: 'example.com/it', parameters: { apiGroup: 'example.com', kind: 'Thing', name: 'one' } } } });
  assert.equal((await make('none')).spec.ingressClassName, undefined);
  assert.equal((await makeClass('plain', false)).spec.parameters.scope, 'Cluster');
  assert.equal((await make('still-none')).spec.ingressClassName, undefined);
  await makeClass('main', true);
  const made = await make('of-main', { status: { loadBalancer: { ingress: [{ ip: '1.2.3.4' }] } } });
  assert.deepEqual([made.spec.ingressClassName, made.metadata.generation, made.status], ['main', 1, { loadBalancer: {} }]);
  assert.equal((await make('annotated', { metadata: { name: 'annotated', annotations: { 'kubernetes.io/ingress.class': 'x' } } })).spec.ingressClassName, undefined);
  await makeClass('second', true);
  await assert.rejects(make('refused'), { code: 403, message: 'ingresses.networking.k8s.io "refused" is forbidden: Internal error occurred: 2 default IngressClasses were found, only 1 allowed' });
  const status = { loadBalancer: { ingress: [{ ip: '10.0.0.1' }, { hostname: 'a.b' }] } };
  const shown = await house.call('update', ingresses, { namespace: 'default', name: 'of-main', subresource: 'status', body: { ...made, spec: { ...made.spec, rules: [] }, status } });
  assert.deepEqual([shown.status, shown.metadata.generation], [status, 1]);
  const cells = (one: Ingress) => ingresses.columns!.slice(0, 5).map(({ cell }) => cell(one, 0));
  assert.deepEqual(cells(shown as Ingress), ['of-main', 'main', '*', '10.0.0.1,a.b', '80']);
  assert.deepEqual(cells({ ...made, spec: { tls: [{}], rules: ['a', 'b', 'c', 'd'].map((host) => ({ host })) } } as Ingress).slice(1), ['<none>', 'a,b,c + 1 more...', '', '80, 443']);
  await assert.rejects(house.call('update', ingressClasses, { name: 'plain', body: { metadata: { name: 'plain' }, spec: { controller: 'other.com/it' } } }), /field is immutable/);
});
