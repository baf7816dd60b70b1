// `npm run prove:registry [SECONDS] [SEED]`: random operations against the registry and its model, seed after seed, until the time is
// up. What is found is told with its seed: `npm run prove:registry 1 SEED` finds it again.
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { noCounts, runWorld } from '../test/support/registry-model/world.ts';

const [seconds = 60, first = Math.floor(Math.random() * 2 ** 31)] = process.argv.slice(2).map(Number);
const file = join(tmpdir(), `registry-model-${process.pid}.db`);
const ways = [{}, {}, { file }, { overHttps: true }, { file, overHttps: true }];
const counts = noCounts();
const startMs = performance.now();
let runs = 0;
let failures = 0;
do {
  const seed = first + runs;
  try {
    await runWorld({ seed, rounds: 150, ...ways[seed % ways.length] }, counts);
  } catch (error) {
    failures++;
    console.error((error as Error).message);
  }
  runs++;
} while (performance.now() - startMs < seconds * 1000 && failures < 5);
console.log(`${runs} runs from seed ${first}, ${failures} failed; ${Object.entries(counts).map(([what, count]) => `${count} ${what}`).join(', ')}; ${((performance.now() - startMs) / 1000).toFixed(0)} s`);
process.exitCode = failures === 0 ? 0 : 1;
