// `npm run prove:faults [SEED] [KILLS]`: kill -9 of Peapod and of its containerd, 200 times at random moments, under a load of
// creates, updates, scales and deletes; then everything is looked at. It takes a quarter of an hour or more. With
// PEAPOD_FAULTS_DIR it is kept there, and with PEAPOD_FAULTS_MINUTES done in pieces: run it again until it says that it is done.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
const [seed = '1', kills = '200'] = process.argv.slice(2);
const { PEAPOD_FAULTS_DIR: kept, PEAPOD_FAULTS_MINUTES: minutes } = process.env;
for (const script of [['scripts/build.ts'], ['scripts/set-up-tests.ts']]) execFileSync(process.execPath, script, { stdio: 'inherit' });
const { inOneLine, runFaults } = await import('../test/faults/fault-run.ts');
const directory = kept ?? mkdtempSync(join(tmpdir(), 'peapod-faults-'));
const report = await runFaults({ directory, seed: Number(seed), kills: Number(kills), lookEvery: 20, leaveBroken: true, pieceMs: minutes === undefined ? undefined : Number(minutes) * 60_000, tell: (line) => console.log(line) });
for (const problem of [...report.writes.lost, ...report.leftOver]) console.log(problem);
console.log(inOneLine(report));
const broken = report.leftOver.length > 0 || report.writes.lost.length > 0;
if (!broken && !kept) rmSync(directory, { recursive: true, force: true });
console.log(broken ? `broken; the cluster is left in ${directory}` : report.done ? 'done: nothing lost, nothing left over' : 'this piece is done: nothing lost, nothing left over so far');
process.exitCode = broken ? 1 : 0;
