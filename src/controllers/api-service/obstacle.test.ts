import assert from 'node:assert/strict';
import { test } from 'node:test';
import { obstacle } from './obstacle.ts';

const reference = { namespace: 'system', name: 'api', port: 443 };
const service = (more: object = {}) => ({ metadata: {}, spec: { type: 'ClusterIP', ports: [{ name: 'https', port: 443 }], ...more } }) as never;
const slice = (ready: boolean | undefined, name = 'https') => ({ metadata: {}, endpoints: [{ addresses: ['10.0.0.1'], conditions: { ready } }], ports: [{ name, port: 8443 }] }) as never;

test('each thing in the way has its reason', () => {
  assert.deepEqual(obstacle(reference, undefined, []), { reason: 'ServiceNotFound', message: 'service/api in "system" is not present' });
  assert.deepEqual(obstacle(reference, service({ ports: [{ port: 80 }] }), []), { reason: 'ServicePortError', message: 'service/api in "system" is not listening on port 443' });
  assert.deepEqual(obstacle(reference, service(), []), { reason: 'EndpointsNotFound', message: 'cannot find endpointslices for service/api in "system"' });
  const missing = { reason: 'MissingEndpoints', message: 'endpointslices for service/api in "system" have no addresses with port name "https"' };
  assert.deepEqual(obstacle(reference, service(), [slice(false)]), missing);
  assert.deepEqual(obstacle(reference, service(), [slice(true, 'other')]), missing);
  assert.equal(obstacle(reference, service(), [slice(false), slice(undefined)]), undefined);
  assert.equal(obstacle(reference, service({ type: 'ExternalName', ports: undefined }), []), undefined);
});
