// `npm run fuzz:pods [SEED] [COUNT]`: Pods by chance, thousands against an API server and COUNT (200) on a real node. By another
// seed each time, which is told, so that what is found can be found again.
import { execFileSync, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
const [seed = String(Math.floor(Math.random() * 2 ** 31)), count = '200'] = process.argv.slice(2);
console.log(`seed ${seed}`);
for (const script of [['scripts/build.ts', '--types'], ['scripts/set-up-tests.ts']]) execFileSync(process.execPath, script, { stdio: 'inherit' });
const files = ['test/control/random-pods.test.ts', 'test/node/random-pods.test.ts'];
const env = { ...process.env, PEAPOD_FUZZ_SEED: seed, PEAPOD_FUZZ_RUNS: '5000', PEAPOD_FUZZ_PODS: count };
const { status } = spawnSync(process.execPath, ['--disable-warning=ExperimentalWarning', '--test', '--test-concurrency=1', '--test-force-exit', '--test-reporter=spec', ...files], { stdio: 'inherit', env });
process.exitCode = status ?? 1;
