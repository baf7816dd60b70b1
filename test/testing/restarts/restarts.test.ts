// C39, C40, C42: controllers die, lose their server, meet conflicts and lose their watches at any of their writes, and come to the same
// all the same. Here at some of the writes; `npm run prove:restarts` goes through all of them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runStory, troublesOf } from './run.ts';
import { stories } from './stories/index.ts';

for (const story of stories) {
  test(`C39, C42 whatever befalls the controllers: ${story.name}`, async () => {
    const undisturbed = await runStory(story, { type: 'none' });
    assert.equal(undisturbed.failure, undefined);
    for (const trouble of troublesOf(story, undisturbed.writes, 1)) {
      const { failure } = await runStory(story, trouble, undisturbed);
      assert.ok(!failure, failure);
    }
  });
}

test('C39 Pods that are seen while others are being let go are not made again', async () => {
  const story = stories.find(({ name }) => name.startsWith('a ReplicationController adopts'))!;
  const { failure } = await runStory(story, { type: 'at-write', disturbance: 'watches break before it', at: 6 });
  assert.ok(!failure, failure);
});
