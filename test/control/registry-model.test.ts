// Random operations of several clients against the registry, held against a simple model of it: every answer is the model's, every
// write has been asked for, and every watch tells the history. `npm run prove:registry` goes on for longer.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { noCounts, runWorld } from '../support/registry-model/world.ts';

const seed = Number(process.env['PEAPOD_MODEL_SEED'] ?? 1);
const file = join(process.env['PEAPOD_TEST_DIR'] ?? tmpdir(), `registry-model-${process.pid}.db`);

for (const [where, options, runs] of [['in memory', {}, 12], ['on SQLite, with restarts', { file }, 4], ['over HTTPS', { overHttps: true }, 4]] as const) {
  test(`random operations agree with the model: ${where}`, async (context) => {
    const counts = noCounts();
    for (let run = 0; run < runs; run++) await runWorld({ seed: seed + run, rounds: 80, ...options }, counts);
    context.diagnostic(JSON.stringify(counts));
    assert.ok(counts.writes > 40 * runs && counts.events > 0);
  });
}
