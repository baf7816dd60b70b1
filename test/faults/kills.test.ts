// The short form of `npm run prove:faults`: kill -9 of Peapod and of containerd under a load, nothing lost, nothing left over.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { inOneLine, runFaults } from './fault-run.ts';

test('C33, C42 killed at random moments under a random load: every acknowledged write is there, every wanted Pod runs, nothing else is left', async () => {
  const directory = mkdtempSync(join(process.env['PEAPOD_TEST_DIR'] ?? tmpdir(), 'peapod-faults-'));
  const report = await runFaults({ directory, seed: 1, kills: 8, lookEvery: 8, leastWrites: 25, leaveBroken: false, tell: (line) => console.log(`# ${line}`) });
  console.log(`# ${inOneLine(report)}`);
  assert.deepEqual([report.writes.lost, report.leftOver], [[], []]);
  assert.ok(report.done && report.runThrough > 0 && report.writes.acknowledged >= 25);
  rmSync(directory, { recursive: true, force: true });
});
