// What authorization, admission and managed fields cost a write: the same server with and without them, in turns, by wrk over HTTPS.
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { get } from 'node:https';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { wrk } from './api.ts';
import type { Figure } from './main.ts';
import { percentile } from './statistics.ts';

const rounds = 9;
const seconds = 2;
const token = 'bench-token';
const collection = '/api/v1/namespaces/bench/configmaps';

/** Whether a server keeps book of who wrote what; asked, so that what is measured is what is said. */
async function keepsBook(url: string): Promise<boolean> {
  const text = await new Promise<string>((resolve, reject) => {
    get(`${url}${collection}/r0-1`, { headers: { authorization: `Bearer ${token}` }, rejectUnauthorized: false, agent: false }, (incoming) => {
      let text = '';
      incoming.on('data', (chunk) => (text += chunk)).on('end', () => resolve(text));
    }).on('error', reject);
  });
  return JSON.parse(text).metadata.managedFields !== undefined;
}

interface Side extends AsyncDisposable {
  readonly url: string;
  cpuMs(): Promise<number>;
}

/** Figures: creates and merge patches of a ConfigMap of 2 KB, each with and without; medians over the rounds, and the median of each round's ratio. */
export async function benchChecks(): Promise<Figure[]> {
  await using withThem = await startSide('with');
  await using without = await startSide('without');
  const rates: Record<string, number[]> = {};
  const note = (name: string, value: number) => void (rates[name] ??= []).push(value);
  for (let round = 0; round < rounds; round++) {
    for (const what of ['create', 'patch'] as const) {
      const measured: Record<string, { perSecond: number; cpuMicroseconds: number }> = {};
      for (const [name, side] of round % 2 === 0 ? ([['with', withThem], ['without', without]] as const) : ([['without', without], ['with', withThem]] as const)) {
        const before = await side.cpuMs();
        const { perSecond, failed } = await wrk({ server: side.url, token }, collection, what, seconds, 32, side.url, `r${round}`);
        if (failed > 0) throw new Error(`${failed} requests failed`);
        measured[name] = { perSecond, cpuMicroseconds: ((await side.cpuMs()) - before) * 1000 / (perSecond * seconds) };
      }
      for (const name of ['with', 'without']) {
        note(`${what} ${name}`, measured[name]!.perSecond);
        note(`${what} ${name} cpu`, measured[name]!.cpuMicroseconds);
      }
      note(`${what} ratio`, measured['with']!.perSecond / measured['without']!.perSecond);
      note(`${what} cpu ratio`, measured['with']!.cpuMicroseconds / measured['without']!.cpuMicroseconds);
    }
  }
  if (!(await keepsBook(withThem.url)) || (await keepsBook(without.url))) throw new Error('the two servers are not what they are called');
  const middle = (name: string) => percentile(rates[name]!.toSorted((a, b) => a - b), 0.5);
  return (['create', 'patch'] as const).flatMap((what): Figure[] => [
    { name: `checks: ${what} 2 KB with all`, value: middle(`${what} with`), unit: '/s', note: `${middle(`${what} with cpu`).toFixed(0)} µs of CPU each` },
    { name: `checks: ${what} 2 KB without`, value: middle(`${what} without`), unit: '/s', note: `no authorization, admission or managed fields; ${middle(`${what} without cpu`).toFixed(0)} µs of CPU each` },
    { name: `checks: ${what} with to without`, value: middle(`${what} ratio`), unit: '×', note: `CPU ${middle(`${what} cpu ratio`).toFixed(2)} ×; ${rounds} rounds in turns` },
  ]);
}

async function startSide(mode: 'with' | 'without'): Promise<Side> {
  const folder = mkdtempSync(join(tmpdir(), 'peapod-bench-checks-'));
  const child: ChildProcess = fork(fileURLToPath(new URL('checks-server.ts', import.meta.url)), [join(folder, 'state.db'), mode, token, 'bench'], { execArgv: ['--disable-warning=ExperimentalWarning'] });
  const [{ url }] = (await once(child, 'message')) as [{ url: string }];
  return {
    url,
    async cpuMs() {
      const told = once(child, 'message') as Promise<[{ cpuMs: number }]>;
      child.send('cpu');
      return (await told)[0].cpuMs;
    },
    async [Symbol.asyncDispose]() {
      const gone = once(child, 'exit');
      child.disconnect();
      await gone;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
