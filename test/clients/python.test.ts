// Debian's python3-kubernetes, as programs use it, against a server with simulated nodes.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startTestCluster } from '../../src/testing/index.ts';

test('python3-kubernetes: objects, patches, chunks, watches, custom and dynamic objects, leader election', async (t) => {
  await using cluster = await startTestCluster({ nodes: 1, clock: 'real', https: true });
  const folder = mkdtempSync(join(tmpdir(), 'peapod-python-'));
  try {
    const kubeconfig = join(folder, 'config');
    writeFileSync(kubeconfig, cluster.kubeconfig!, { mode: 0o600 });
    const script = fileURLToPath(new URL('python_client.py', import.meta.url));
    // Debian's own Python has Debian's packages; another that comes first in the path has not.
    const child = spawn('/usr/bin/python3', ['-W', 'ignore', script, kubeconfig], { env: { ...process.env, HOME: folder, NO_PROXY: '*' }, timeout: 150_000 });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    const [code] = (await once(child, 'close')) as [number | null];
    const steps = stdout.trim().split('\n');
    assert.equal(code, 0, `after “${steps.at(-1)}”: ${stderr}`);
    assert.equal(steps.length, 8, stdout);
    for (const step of steps) t.diagnostic(step);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
