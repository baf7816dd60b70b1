import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Transport } from '../../api/request.ts';
import type { ConfigMap } from '../../api/types.ts';
import { formatTime, systemClock } from '../../base/clock.ts';
import { VirtualClock } from '../../base/virtual-clock.ts';
import { Client } from '../../client/client.ts';
import type { NodeWorld } from '../node-settings.ts';
import { realPodFiles } from '../pod-files/real-pod-files.ts';
import type { References } from '../references/references.ts';
import { pod, uid } from '../testing/pods.ts';
import { PodSupplies } from './pod-supplies.ts';

/** Supplies of one Pod in a directory of their own; tokens are called t1, t2, … */
async function withSupplies(run: (on: { supplies: PodSupplies; clock: VirtualClock; change: (data: Record<string, string>) => void; file: (name: string) => string; swaps: () => string }) => Promise<void>): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), 'peapod-supplies-'));
  const clock = new VirtualClock();
  const end = new AbortController();
  let tokens = 0;
  let data: Record<string, string> = { color: 'blue' };
  let changed = () => {};
  const transport = { call: async () => ({ status: { token: `t${++tokens}`, expirationTimestamp: formatTime(clock.wallMs() + 1000_000) } }) } as unknown as Transport;
  const world = { client: new Client(transport), clock, allocatable: { memoryBytes: 1, milliCpu: 1, ephemeralStorageBytes: 1 }, hostIPs: [], node: { metadata: { name: 'n' } }, dirs: { pods: root }, events: { event() {} }, runtime: {}, files: realPodFiles } as unknown as NodeWorld;
  const references = { forPod: (_: string, told: () => void) => ((changed = told), { configMap: async () => ({ data }) as unknown as ConfigMap, [Symbol.dispose]() {} }) } as unknown as References;
  const one = pod({ volumes: [{ name: 'all', projected: { sources: [{ serviceAccountToken: { path: 'token', expirationSeconds: 1000 } }, { configMap: { name: 'settings' } }] } }, { name: 'scratch', emptyDir: {} }] });
  const supplies = new PodSupplies(world, references, one, () => {}, end.signal);
  const volume = join(root, uid, 'volumes', 'kubernetes.io~projected', 'all');
  try {
    await run({
      supplies,
      clock,
      change: (after) => {
        data = after;
        changed();
      },
      file: (name) => readFileSync(join(volume, name), 'utf8'),
      swaps: () => readlinkSync(join(volume, '..data')),
    });
  } finally {
    end.abort();
    await supplies.remove(new AbortController().signal);
    rmSync(root, { recursive: true, force: true });
  }
}

/** Until the file system has followed. */
async function until(condition: () => boolean): Promise<void> {
  for (let turns = 0; !condition(); turns++) {
    assert.ok(turns < 60_000, 'it did not come to this');
    await systemClock.sleep(1, new AbortController().signal);
  }
}

test('the mounted token is renewed when four fifths of its time are over', () => withSupplies(async ({ supplies, clock, file }) => {
  await supplies.volumes();
  assert.equal(file('token'), 't1');
  await clock.advance(799_999);
  assert.equal(file('token'), 't1');
  await clock.advance(1);
  await until(() => file('token') === 't2');
  // And so on; the next timer is set when the files are written, a moment later.
  await supplies.volumes();
  await until(() => (void clock.advance(50_000), file('token') === 't3'));
}));

test('a change of a ConfigMap swaps all files at once, and keeps the token', () => withSupplies(async ({ supplies, change, file, swaps }) => {
  await supplies.volumes();
  const before = swaps();
  change({ color: 'green', shape: 'round' });
  await until(() => swaps() !== before);
  assert.deepEqual([file('color'), file('..data/shape'), file('token')], ['green', 'round', 't1']);
}));
