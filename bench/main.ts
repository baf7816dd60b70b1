// `npm run bench`: Peapod's figures on this machine, as a table and as JSON (bench/results.json). No verdicts: machines
// differ, so what counts are ratios from one run. `npm run bench -- pods api` runs a part; parts: start, idle, pods,
// endings, api, checks, scheduler, network.
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { benchApi } from './api.ts';
import { benchChecks } from './checks.ts';
import { benchEndings } from './endings.ts';
import { benchIdle } from './idle.ts';
import { benchNetwork } from './network.ts';
import { benchPods } from './pods.ts';
import { benchScheduler } from './scheduler.ts';
import { benchStart } from './start.ts';
import { startSubject, type Subject } from './subject.ts';

export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly note?: string;
}

const parts: Record<string, (subject: Subject) => Promise<Figure[]>> = { start: benchStart, idle: benchIdle, pods: benchPods, endings: benchEndings, api: benchApi, checks: benchChecks, scheduler: benchScheduler, network: benchNetwork };
const wanted = process.argv.slice(2);
for (const name of wanted) if (!(name in parts)) throw new Error(`there is no part ${name}; parts: ${Object.keys(parts).join(', ')}`);

const figures: Figure[] = [];
await using subject = await startSubject();
for (const [name, part] of Object.entries(parts)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  console.error(`bench: ${name} …`);
  figures.push(...(await part(subject)));
}
const width = Math.max(...figures.map((figure) => figure.name.length));
for (const figure of figures) {
  console.log(`${figure.name.padEnd(width)}  ${format(figure.value).padStart(10)} ${figure.unit.padEnd(6)} ${figure.note ?? ''}`.trimEnd());
}
const machine = { cpus: cpus().length, model: cpus()[0]?.model, node: process.version };
writeFileSync(fileURLToPath(new URL('results.json', import.meta.url)), JSON.stringify({ machine, figures }, null, 2) + '\n');

function format(value: number): string {
  return value >= 1000 ? Math.round(value).toLocaleString('en-US') : value.toFixed(value >= 100 ? 0 : 2);
}
