import assert from 'node:assert/strict';
import { test } from 'node:test';
import { events, pods } from '../../src/api/kinds/index.ts';
import { silentLog } from '../../src/base/log.ts';
import { seededRandom } from '../../src/base/random.ts';
import { aboutOf, createEventRecorder } from '../../src/client/event-recorder.ts';
import { clock, podOf, startControlCluster } from './control-cluster.ts';

test('the same event again is counted on the first one; other ones stand beside it; all are sent when flushed', async () => {
  await using cluster = await startControlCluster({ scheduler: false, controllers: false });
  const { client, signal } = cluster;
  const recorder = createEventRecorder({ client, component: 'kubelet', host: 'a', clock, random: seededRandom(1), log: silentLog });
  const pod = aboutOf(pods, await client.create(pods, podOf('web'), signal));
  for (let time = 0; time < 5; time++) recorder.event(pod, 'Warning', 'BackOff', 'Back-off restarting failed container', 'spec.containers{main}');
  recorder.event(pod, 'Normal', 'Pulled', 'Container image already present on machine');
  await recorder.flush(signal);
  recorder.event(pod, 'Warning', 'BackOff', 'Back-off restarting failed container', 'spec.containers{main}');
  await recorder.flush(signal);
  const { items } = await client.list(events, { namespace: 'default' }, signal);
  const backOff = items.find(({ reason }) => reason === 'BackOff')!;
  assert.equal(items.length, 2);
  assert.equal(backOff.count, 6);
  assert.deepEqual(backOff.source, { component: 'kubelet', host: 'a' });
  assert.equal(backOff.involvedObject.fieldPath, 'spec.containers{main}');
  assert.match(backOff.metadata.name, /^web\.[0-9a-f]{16}$/);
});

test('an event that was deleted meanwhile is made anew; a flush that is cut off drops what is left', async () => {
  await using cluster = await startControlCluster({ scheduler: false, controllers: false });
  const { client, signal } = cluster;
  const recorder = createEventRecorder({ client, component: 'kubelet', clock, random: seededRandom(1), log: silentLog });
  const pod = aboutOf(pods, await client.create(pods, podOf('web'), signal));
  const say = () => recorder.event(pod, 'Normal', 'Killing', 'Stopping container main');
  say();
  await recorder.flush(signal);
  await client.deleteCollection(events, { namespace: 'default' }, {}, signal);
  say();
  await recorder.flush(signal);
  const { items } = await client.list(events, { namespace: 'default' }, signal);
  assert.deepEqual(items.map(({ count }) => count), [2]);
  await recorder.flush(AbortSignal.abort());
  say();
  await recorder.flush(signal);
  assert.equal((await client.list(events, { namespace: 'default' }, signal)).items[0]?.count, 2);
});
