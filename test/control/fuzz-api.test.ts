// One round of the fuzzer of HTTP requests, the same each time; `npm run fuzz:api` goes on for longer, from a seed of chance.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { fuzz } from '../support/fuzz-api/run.ts';

test('requests by chance find no crash, no hang and no inner error', async (context) => {
  const file = join(process.env['PEAPOD_TEST_DIR'] ?? tmpdir(), `fuzz-api-${process.pid}.db`);
  const report = await fuzz({ seed: Number(process.env['PEAPOD_FUZZ_SEED'] ?? 1), seconds: 0.001, file });
  context.diagnostic(JSON.stringify(report));
  assert.ok(report.requests === 600 && report.stored > 20);
});
