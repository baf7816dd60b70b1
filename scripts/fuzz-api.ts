// `npm run fuzz:api [SECONDS] [SEED]`: requests by chance against the API server, of which it must break at none. What is found is told
// with its seed: `npm run fuzz:api 1 SEED` sends the same again.
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fuzz } from '../test/support/fuzz-api/run.ts';

const [seconds = 60, seed = Math.floor(Math.random() * 2 ** 31)] = process.argv.slice(2).map(Number);
const told = (counts: Readonly<Record<string, number>>) => Object.entries(counts).sort(([, a], [, b]) => b - a).map(([name, count]) => `${name} ${count}`).join(', ');
try {
  const { requests, kinds, codes, stored, cpuSeconds, heapMegabytes } = await fuzz({ seed, seconds, file: join(tmpdir(), `fuzz-api-${process.pid}.db`) });
  console.log(`${requests} requests from seed ${seed}, nothing found; the server used ${cpuSeconds.toFixed(0)} s of CPU, its heap was ${heapMegabytes[2] ?? heapMegabytes[0]} MB and is ${heapMegabytes.at(-1)} MB`);
  console.log(`kinds: ${told(kinds)}`);
  console.log(`codes: ${told(codes)}`);
  console.log(`stored objects read in each form and written back: ${stored}`);
} catch (error) {
  console.error(`found from seed ${seed}: ${(error as Error).message}`);
  process.exitCode = 1;
}
