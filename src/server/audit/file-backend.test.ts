import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { silentLog } from '../../base/log.ts';
import { VirtualClock } from '../../base/virtual-clock.ts';
import { createFileBackend } from './file-backend.ts';

test('events are written in order; the file is put aside when it is full, and old ones go', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'peapod-audit-'));
  try {
    const clock = new VirtualClock();
    const path = join(directory, 'audit.log');
    const open = () => createFileBackend({ path, maxSizeMb: 1, maxBackups: 2, maxAgeDays: 0, clock, log: silentLog });
    let backend = await open();
    const event = (number: number) => JSON.stringify({ number, filler: 'x'.repeat(300_000) });
    for (let number = 0; number < 12; number++) {
      backend.take(event(number));
      await backend.close();
      backend = await open();
      await clock.advance(1000);
    }
    for (let number = 12; number < 15; number++) backend.take('{}');
    await backend.close();
    const names = readdirSync(directory).sort();
    assert.equal(names.length, 3, String(names));
    for (const name of names) assert.ok(/^audit(-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3})?\.log$/.test(name) && statSync(join(directory, name)).size <= 1024 * 1024);
    const lines = readFileSync(path, 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line) as { number?: number });
    assert.deepEqual(lines.map(({ number }) => number), [9, 10, 11, undefined, undefined, undefined]);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.equal(backend.lost, 0);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('more than may wait is lost, and counted', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'peapod-audit-'));
  try {
    const path = join(directory, 'audit.log');
    const backend = await createFileBackend({ path, maxSizeMb: 100, maxBackups: 0, maxAgeDays: 0, clock: new VirtualClock(), log: silentLog });
    for (let number = 0; number < 10_100; number++) backend.take('{}');
    await backend.close();
    assert.equal(backend.lost, 100);
    assert.equal(readFileSync(path, 'utf8').trimEnd().split('\n').length, 10_000);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
