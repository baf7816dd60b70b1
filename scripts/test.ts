// `npm test`: everything from a fresh clone. Sets up what is missing, then lints, checks types, and runs the tests:
// unit tests beside the code first, then those on real containers one after the other, and last the one that looks for
// anything the others left on the machine. `npm test -- unit` or `npm test -- test/scenarios/c26*.ts` runs a part.
import { execFileSync } from 'node:child_process';
import { existsSync, globSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { fileURLToPath } from 'node:url';
import { testSummary } from './test-summary.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
process.chdir(root);

const groups = {
  unit: { files: globSync(['src/**/*.test.ts', 'test/testing/**/*.test.ts']), concurrency: 2 },
  control: { files: globSync('test/control/**/*.test.ts'), concurrency: 2 },
  node: { files: globSync('test/node/**/*.test.ts'), concurrency: 1 },
  scenarios: { files: globSync('test/scenarios/**/*.test.ts'), concurrency: 1 },
  docker: { files: ['test/scenarios/c09-sidecar.test.ts'], concurrency: 1 },
  examples: { files: globSync(['examples/**/operator-node-test/*.test.ts', 'test/examples/**/*.test.ts']), concurrency: 1 },
  clients: { files: globSync('test/clients/**/*.test.ts'), concurrency: 1 },
  faults: { files: globSync('test/faults/**/*.test.ts'), concurrency: 1 },
  leftovers: { files: ['test/leftovers.test.ts'], concurrency: 1 },
};
type GroupName = keyof typeof groups;

/** Of a test, and of a file: far more than any takes on a machine several times slower, for it is there for what hangs. */
const longestTestMs = 300_000;
/** A file's process that is made to exit would take with it what it had not written yet. */
const tellAll = 'data:text/javascript,process.stdout._handle?.setBlocking?.(true)';

const wanted = process.argv.slice(2);
const named = wanted.filter((word): word is GroupName => word in groups);
const paths = wanted.filter((word) => !(word in groups));
const whole = wanted.length === 0;

const scratch = mkdtempSync(join(tmpdir(), 'peapod-tests-'));
process.env['PEAPOD_TEST_DIR'] = scratch;
const summary = testSummary();
const totals = { passed: 0, failed: 0, skipped: 0 };
try {
  setUp();
  if (whole) {
    step('lint', 'npm', ['run', '--silent', 'lint']);
    step('types', 'npm', ['run', '--silent', 'types']);
  }
  const { takeSnapshot } = await import('../test/support/machine-state.ts');
  writeFileSync(join(scratch, 'before.json'), JSON.stringify(takeSnapshot()));
  if (paths.length > 0) await runTests('named', paths, 1);
  for (const name of whole ? (Object.keys(groups) as GroupName[]) : named) {
    if (name === 'docker') process.env['PEAPOD_TEST_RUNTIME'] = 'docker';
    await runTests(name, groups[name].files.sort(), groups[name].concurrency);
    if (name === 'docker') delete process.env['PEAPOD_TEST_RUNTIME'];
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
for (const line of summary.lines()) console.log(line);
console.log(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`);
process.exitCode = totals.failed === 0 && totals.passed > 0 ? 0 : 1;

/** npm packages, the schema and the build, and the Debian packages that real containers and old clients need. */
function setUp(): void {
  // One of several at once in a clone installs, under the lock that ./peapod takes too; the others wait and find it done.
  const installed = 'node_modules/.package-lock.json';
  if (!existsSync(installed) || statSync('package-lock.json').mtimeMs > statSync(installed).mtimeMs) {
    mkdirSync('.cache', { recursive: true });
    const unlessDone = `[ -e ${installed} ] && ! [ package-lock.json -nt ${installed} ] || { npm ci --ignore-scripts --loglevel error && touch ${installed}; }`;
    step('npm ci', 'flock', ['.cache/making.lock', 'sh', '-c', unlessDone]);
  }
  // The types of the library are looked at with all the rest.
  step('build', process.execPath, ['scripts/build.ts', ...(whole ? ['--types'] : [])]);
  step('set up', process.execPath, ['scripts/set-up-tests.ts']);
}

function step(name: string, command: string, args: readonly string[]): void {
  const startMs = performance.now();
  try {
    execFileSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  } catch {
    console.log(`${name} failed`);
    console.log('0 passed, 1 failed');
    rmSync(scratch, { recursive: true, force: true });
    process.exit(1);
  }
  console.log(`${name}: ${((performance.now() - startMs) / 1000).toFixed(1)} s`);
}

async function runTests(name: string, files: string[], concurrency: number): Promise<void> {
  if (files.length === 0) return;
  console.log(`\n── ${name}: ${files.length} files`);
  // What a failed test leaves open, or never ends, must not keep the others from being told of.
  const execArgv = ['--disable-warning=ExperimentalWarning', '--test-force-exit', `--import=${tellAll}`, `--test-timeout=${longestTestMs}`];
  const stream = run({ files, concurrency, isolation: 'process', execArgv });
  stream.on('test:summary', ({ file, counts }) => {
    if (file !== undefined) return;
    totals.passed += counts.passed;
    totals.failed += counts.tests - counts.passed - counts.skipped - counts.todo;
    totals.skipped += counts.skipped;
  });
  summary.follow(name, files, stream);
  stream.compose(new spec()).pipe(process.stdout, { end: false });
  await new Promise((resolve) => stream.on('end', resolve));
}
