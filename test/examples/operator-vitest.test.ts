// The example that is written for vitest passes.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runProgram } from '../support/real-cluster.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

test('an operator tested with vitest', async () => {
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
  const ran = await runProgram(process.execPath, [vitest, 'run', '--root', join(root, 'examples', 'operator-vitest'), '--reporter=json', '--hookTimeout=60000'], {});
  assert.equal(ran.code, 0, `${ran.stdout}\n${ran.stderr}`);
  const { numPassedTests, numFailedTests } = JSON.parse(ran.stdout.slice(ran.stdout.indexOf('{'))) as { numPassedTests: number; numFailedTests: number };
  assert.deepEqual([numPassedTests, numFailedTests], [2, 0]);
});
