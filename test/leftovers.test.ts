// Runs after all the others: nothing that a cluster makes on a machine may be left of them.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { leftSince, type Snapshot } from './support/machine-state.ts';

const testDir = process.env['PEAPOD_TEST_DIR'] ?? '';
const before = join(testDir, 'before.json');

test('the tests leave no process, mount, network namespace, link, route, cgroup or packet rule behind', { skip: !existsSync(before) && 'runs only under npm test' }, () => {
  assert.deepEqual(leftSince(JSON.parse(readFileSync(before, 'utf8')) as Snapshot, testDir), {});
});
