// `npm run fuzz:properties [seeds] [first]`: every test file that draws at random, once for each seed. CI draws from one.
import { spawnSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';

const [seeds = 20, first = 2] = process.argv.slice(2).map(Number);
const files = globSync(['src/**/*.test.ts', 'test/control/**/*.test.ts']).filter((file) => readFileSync(file, 'utf8').includes('fast-check.ts')).sort();
let failed = 0;
for (let seed = first; seed < first + seeds; seed++) {
  const { status, stdout } = spawnSync(process.execPath, ['--disable-warning=ExperimentalWarning', '--test', '--test-concurrency=2', ...files], { env: { ...process.env, PEAPOD_SEED: String(seed) }, encoding: 'utf8', maxBuffer: 1 << 28 });
  if (status === 0) continue;
  failed++;
  console.log(`seed ${seed}:\n${stdout.slice(-20_000)}`);
}
console.log(`${files.length} files, ${seeds} seeds, ${failed} of them failed`);
process.exitCode = failed === 0 ? 0 : 1;
