// `npm run prove:determinism [seeds]`: each seed's history, run twice, must be the same to the last byte of the last write.
import { createHash } from 'node:crypto';
import { runHistory } from '../test/testing/history.ts';

const seeds = Number(process.argv[2] ?? 100);
const all = createHash('sha256');
const different: number[] = [];
let writes = 0;
const startMs = performance.now();
for (let seed = 1; seed <= seeds; seed++) {
  const [first, second] = [await runHistory(seed), await runHistory(seed)];
  if (first.hash !== second.hash) different.push(seed);
  writes += first.revision;
  all.update(`${first.hash}\n`);
}
console.log(`${seeds} seeds, each twice: ${writes} writes, ${different.length} seeds whose histories differ${different.length ? ` (${different.join(', ')})` : ''}; ${((performance.now() - startMs) / 1000).toFixed(1)} s`);
console.log(`over all: ${all.digest('hex')}`);
process.exitCode = different.length === 0 ? 0 : 1;
