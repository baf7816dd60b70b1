import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { LogOptions } from '../../api/node-service.ts';
import { parseTime, systemClock } from '../../base/clock.ts';
import { VirtualClock } from '../../base/virtual-clock.ts';
import { readLog } from './read-log.ts';
import { setAside } from './rotate-logs.ts';
import { tailLog } from './tail-log.ts';

const signal = new AbortController().signal;
const entry = (second: number, text: string, stream = 'stdout', tag = 'F') => `2026-01-01T00:00:${String(second).padStart(2, '0')}.000000000Z ${stream} ${tag} ${text}\n`;
const plain = { follow: false, previous: false, timestamps: false };

async function withLog(content: string, run: (path: string, read: (options?: Partial<LogOptions>) => Promise<string>) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'peapod-log-'));
  const path = join(directory, '0.log');
  writeFileSync(path, content);
  const read = async (options: Partial<LogOptions> = {}) => {
    let text = '';
    const source = { path, nowMs: parseTime('2026-01-01T00:00:10Z'), isRunning: () => false, onChange: () => ({ [Symbol.dispose]() {} }) };
    for await (const chunk of readLog(source, { ...plain, ...options }, signal)) text += Buffer.from(chunk);
    return text;
  };
  try {
    await run(path, read);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const five = [1, 2, 3, 4, 5].map((n) => entry(n, `line ${n}`)).join('');

test('what is asked for, and no more', () => withLog(five, async (_path, read) => {
  assert.equal(await read(), 'line 1\nline 2\nline 3\nline 4\nline 5\n');
  assert.equal(await read({ tailLines: 2 }), 'line 4\nline 5\n');
  assert.equal(await read({ tailLines: 0 }), '');
  assert.equal(await read({ tailLines: 99 }), await read());
  assert.equal(await read({ sinceSeconds: 7 }), 'line 3\nline 4\nline 5\n');
  assert.equal(await read({ sinceTime: '2026-01-01T00:00:05Z' }), 'line 5\n');
  assert.equal(await read({ limitBytes: 10 }), 'line 1\nlin');
  assert.equal(await read({ tailLines: 1, timestamps: true }), '2026-01-01T00:00:05.000000000Z line 5\n');
}));

const many = Array.from({ length: 2000 }, (_, n) => entry(n % 60, `line ${n}`)).join('');

test('without following, what is written while it is read is not part of it', () => withLog(many, async (path) => {
  for (const [options, wanted] of [[{ tailLines: 1900 }, 1900], [{}, 2000]] as const) {
    const source = { path, nowMs: 0, isRunning: () => true, onChange: () => ({ [Symbol.dispose]() {} }) };
    let text = '';
    for await (const chunk of readLog(source, { ...plain, ...options }, signal)) {
      if (text === '') appendFileSync(path, entry(1, 'later'));
      text += Buffer.from(chunk);
    }
    assert.deepEqual([text.trimEnd().split('\n').length, text.includes('later')], [wanted, false]);
    writeFileSync(path, many);
  }
}));

test('one stream, parts of lines, and what is no entry', () => withLog(entry(1, 'out') + entry(2, 'half ', 'stdout', 'P') + entry(2, 'whole') + 'rubbish\n' + entry(3, 'err', 'stderr') + entry(4, ''), async (_path, read) => {
  assert.equal(await read(), 'out\nhalf whole\nerr\n\n');
  assert.equal(await read({ stream: 'Stderr' }), 'err\n');
  assert.match(await read({ timestamps: true }), /^\S+ out\n\S+ half whole\n\S+ err\n\S+ \n$/);
}));

test('a log that does not exist is empty', () => withLog('', async (path, read) => {
  rmSync(path);
  assert.equal(await read(), '');
}));

test('followed as it grows, into a new file, until the container has ended', () => withLog(entry(1, 'one'), async (path) => {
  let running = true;
  const listeners = new Set<() => void>();
  const source = { path, nowMs: 0, isRunning: () => running, onChange: (listener: () => void) => (listeners.add(listener), { [Symbol.dispose]: () => void listeners.delete(listener) }) };
  let text = '';
  const acts: Record<string, () => void> = {
    'one\n': () => appendFileSync(path, entry(2, 'two')),
    'one\ntwo\n': () => {
      renameSync(path, `${path}.1`);
      writeFileSync(path, entry(3, 'three'));
    },
    'one\ntwo\nthree\n': () => {
      running = false;
      appendFileSync(path, entry(4, 'four'));
      for (const listener of listeners) listener();
    },
  };
  for await (const chunk of readLog(source, { ...plain, follow: true }, signal)) {
    text += Buffer.from(chunk);
    acts[text]?.();
  }
  assert.equal(text, 'one\ntwo\nthree\nfour\n');
  assert.equal(listeners.size, 0);
}));

test('following ends with its reader', () => withLog('', async (path) => {
  const stop = new AbortController();
  systemClock.schedule(20, () => stop.abort());
  const source = { path, nowMs: 0, isRunning: () => true, onChange: () => ({ [Symbol.dispose]() {} }) };
  for await (const chunk of readLog(source, { ...plain, follow: true }, stop.signal)) assert.fail(String(chunk));
}));

test('a log beyond its share is set aside, the oldest go', () => withLog('x'.repeat(11), async (path) => {
  const clock = new VirtualClock();
  const limits = { mostBytes: 10, mostFiles: 3 };
  for (let n = 0; n < 4; n++) {
    writeFileSync(path, `${n}`.repeat(11));
    assert.equal(await setAside(path, clock, limits), true);
    await clock.advance(1000);
  }
  writeFileSync(path, 'small');
  assert.equal(await setAside(path, clock, limits), false);
  const aside = readdirSync(join(path, '..')).filter((name) => name.startsWith('0.log.')).sort();
  assert.deepEqual(aside.map((name) => readFileSync(join(path, '..', name), 'utf8')[0]), ['2', '3']);
}));

test('the last lines of a file', () => {
  assert.equal(tailLog(Buffer.from(five), 2).toString(), 'line 4\nline 5\n');
  assert.equal(tailLog(Buffer.from(entry(1, 'a', 'stdout', 'P') + entry(1, 'b')), 1).toString(), 'ab\n');
});
