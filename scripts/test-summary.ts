// What `npm test` says last: every test that failed once more, whole, and the slowest files. Often only the end of a run's
// output is kept, and then it must say what failed.
import { relative } from 'node:path';
import type { TestsStream } from 'node:test';
import { inspect, stripVTControlCharacters } from 'node:util';

/** What is said of one failed test, and of all of them; a log's end holds some 230 lines. */
const linesPerTest = 60;
const linesOfAll = 190;
/** Fewer say nothing: with more tests than have room so, the others are only counted. */
const fewestLinesPerTest = 4;
/** What a file that died is quoted with: the end of what it wrote. */
const lastWords = 20;

export interface FailedTest {
  readonly title: string;
  readonly details: readonly string[];
}

export interface TestSummary {
  /** Follows a group's run; call before its events come. */
  follow(group: string, files: readonly string[], stream: TestsStream): void;
  lines(): string[];
}

export function testSummary(): TestSummary {
  const failed: FailedTest[] = [];
  const seconds: { file: string; seconds: number }[] = [];

  return {
    follow(group, files, stream) {
      /** The names from the outermost test to the one reported on: a file's reports come in order, one file after the other. */
      let names: string[] = [];
      const isFile = new Set(files);
      const said = new Map<string, string[]>();
      const running = new Map<string, Set<string>>();
      const runningIn = (path: string) => running.get(path) ?? running.set(path, new Set()).get(path)!;
      const keepWords = ({ file, message }: { readonly file?: string; readonly message: string }) => {
        const path = relative('', file ?? '');
        said.set(path, [...(said.get(path) ?? []), ...stripVTControlCharacters(message).trimEnd().split('\n')].slice(-lastWords));
      };
      stream.on('test:stdout', keepWords);
      stream.on('test:stderr', keepWords);
      stream.on('test:diagnostic', keepWords);
      stream.on('test:dequeue', ({ file, name, line }) => !isFile.has(name) && runningIn(relative('', file ?? '')).add(`${name}, line ${line}`));
      stream.on('test:complete', ({ file, name, line, details }) => {
        if (isFile.has(name)) seconds.push({ file: name, seconds: details.duration_ms / 1000 });
        else runningIn(relative('', file ?? '')).delete(`${name}, line ${line}`);
      });
      stream.on('test:start', ({ name, nesting }) => (names = [...names.slice(0, nesting), name]));
      stream.on('test:fail', ({ name, nesting, file, line, todo, details }) => {
        const error = details.error as TestError;
        // A test that failed only because one in it did is told of by that one.
        if (error.failureType === 'subtestsFailed' || (todo !== undefined && todo !== false)) return;
        if (isFile.has(name)) {
          const words = [...[...runningIn(name)].map((at) => `was running: ${at}`), ...(said.get(name) ?? []).map((one) => `| ${one}`)];
          failed.push({ title: `${group}  ${name}  the file's process ${ending(error)}`, details: words });
        } else {
          failed.push({ title: `${group}  ${relative('', file ?? '')}:${line}  ${[...names.slice(0, nesting), name].join(' › ')}`, details: describe(error) });
        }
      });
    },
    lines: () => [...tellFailed(failed), ...tellSlowest(seconds)],
  };
}

type TestError = Error & { failureType?: string; exitCode?: number | null; signal?: string | null; code?: string; expected?: unknown; actual?: unknown };

/** The failed tests within the bound of all: each has an equal share, and says how much was left out. */
export function tellFailed(failed: readonly FailedTest[]): string[] {
  if (failed.length === 0) return [];
  const share = Math.max(fewestLinesPerTest, Math.min(linesPerTest, Math.floor(linesOfAll / failed.length)));
  const told = failed.slice(0, Math.floor(linesOfAll / share));
  const lines = told.flatMap(({ title, details }) => {
    const room = share - 2;
    const shown = details.length <= room ? details : [...details.slice(0, room - 1), `… ${details.length - room + 1} more lines, above`];
    return [`✖ ${title}`, ...shown.map((line) => `    ${line}`), ''];
  });
  return ['', `── failed: ${failed.length}`, ...lines, ...(failed.length > told.length ? [`… and ${failed.length - told.length} more that failed, above`] : [])];
}

function tellSlowest(files: readonly { file: string; seconds: number }[]): string[] {
  const slowest = files.toSorted((a, b) => b.seconds - a.seconds).slice(0, 10);
  return slowest.length < 2 ? [] : ['', '── slowest files', ...slowest.map(({ file, seconds }) => `${seconds.toFixed(1).padStart(7)} s  ${file}`), ''];
}

function ending({ exitCode, signal }: TestError): string {
  return signal ? `was ended by ${signal}` : `ended with code ${exitCode}`;
}

/** The error that the test threw, and its causes: message, code, what was expected and what was there, and where. */
function describe(error: unknown): string[] {
  const thrown = error instanceof Error && error.cause !== undefined && 'failureType' in error ? error.cause : error;
  if (!(thrown instanceof Error)) return inspect(thrown, { depth: 5 }).split('\n');
  const { name, message, code, expected, actual, stack = '', cause } = thrown as TestError;
  const frames = stack.split('\n').filter((line) => /^\s+at /.test(line) && !line.includes('node:')).map((line) => line.trim());
  return [
    ...clip(stripVTControlCharacters(`${name}${code === undefined ? '' : ` [${code}]`}: ${message}`).split('\n'), 30),
    ...(code === 'ERR_ASSERTION' ? [...value('expected', expected), ...value('actual', actual)] : []),
    ...clip(frames, 8),
    ...(cause === undefined ? [] : ['caused by', ...clip(describe(cause), 15).map((line) => `  ${line}`)]),
  ];
}

function value(label: string, shown: unknown): string[] {
  return clip(`${label}: ${inspect(shown, { depth: 5, breakLength: 140, maxStringLength: 2000 })}`.split('\n'), 10);
}

function clip(lines: string[], most: number): string[] {
  return lines.length <= most ? lines : [...lines.slice(0, most - 1), `… ${lines.length - most + 1} more lines`];
}
