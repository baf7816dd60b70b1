// `npm run prove:restarts`: every controller's story, disturbed in every way at every one of its writes. `-- WORD…`: only stories
// whose names have one of the words in them; `--each N`: each disturbance only at so many writes.
import { runStory, troublesOf } from '../test/testing/restarts/run.ts';
import { stories } from '../test/testing/restarts/stories/index.ts';

const words = process.argv.slice(2);
const at = words.indexOf('--each');
const each = at < 0 ? Infinity : Number(words.splice(at, 2)[1]);
const chosen = stories.filter(({ name }) => words.length === 0 || words.some((word) => name.includes(word)));
const totals = { runs: 0, failures: 0 };
const beganMs = performance.now();
for (const story of chosen) {
  const beganStoryMs = performance.now();
  const undisturbed = await runStory(story, { type: 'none' });
  const troubles = undisturbed.failure ? [] : troublesOf(story, undisturbed.writes, each);
  const failures = undisturbed.failure ? [undisturbed.failure] : [];
  for (const trouble of troubles) {
    const { failure } = await runStory(story, trouble, undisturbed);
    if (failure) failures.push(failure);
  }
  totals.runs += troubles.length + 1;
  totals.failures += failures.length;
  console.log(`${failures.length === 0 ? '✓' : '✗'} ${story.name}: ${undisturbed.writes} writes, ${troubles.length + 1} runs, ${failures.length} failed, ${((performance.now() - beganStoryMs) / 1000).toFixed(1)} s`);
  for (const failure of failures) console.log(`  ${failure.replaceAll('\n', '\n  ')}`);
}
console.log(`${chosen.length} stories, ${totals.runs} runs, ${totals.failures} failed, ${((performance.now() - beganMs) / 1000).toFixed(0)} s`);
process.exitCode = totals.failures === 0 ? 0 : 1;
