import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '../../api/types.ts';
import { formatTime } from '../../base/clock.ts';
import { VirtualClock } from '../../base/virtual-clock.ts';
import type { ApiRequest, Transport } from '../../api/request.ts';
import { Client } from '../../client/client.ts';
import { createPodTokens } from './pod-tokens.ts';

const pod = { metadata: { name: 'p', namespace: 'shop', uid: 'u' }, spec: { serviceAccountName: 'web' } } as Pod;
const signal = new AbortController().signal;

test('a token is asked for once, and again when four fifths of its time are over', async () => {
  const clock = new VirtualClock();
  const asked: any[] = [];
  const transport = {
    call: async (request: ApiRequest) => {
      asked.push(request);
      const { expirationSeconds } = (request.body as { spec: { expirationSeconds: number } }).spec;
      return { status: { token: `t${asked.length}`, expirationTimestamp: formatTime(clock.wallMs() + expirationSeconds * 1000) } };
    },
  } as unknown as Transport;
  const tokens = createPodTokens(new Client(transport), clock);
  assert.deepEqual(await tokens.get(pod, { expirationSeconds: 1000 }, signal), { token: 't1', renewAfterMs: 800_000 });
  await clock.advance(799_999);
  assert.deepEqual(await tokens.get(pod, { expirationSeconds: 1000 }, signal), { token: 't1', renewAfterMs: 1 });
  assert.equal((await tokens.get(pod, { audience: 'vault', expirationSeconds: 1000 }, signal)).token, 't2');
  await clock.advance(1);
  assert.equal((await tokens.get(pod, { expirationSeconds: 1000 }, signal)).token, 't3');
  assert.equal((await tokens.get(pod, { expirationSeconds: 2 ** 32 }, signal)).renewAfterMs, 24 * 3_600_000);
  assert.deepEqual([asked[0].namespace, asked[0].name, asked[0].subresource], ['shop', 'web', 'token']);
  assert.deepEqual(asked[1].body.spec, { audiences: ['vault'], expirationSeconds: 1000, boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'u' } });
});
