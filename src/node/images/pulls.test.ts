import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock as clock } from '../../base/clock.ts';
import type { ImageAuth } from '../../runtime/runtime.ts';
import { Pulls } from './pulls.ts';

function scripted() {
  const calls: { image: string; auth?: ImageAuth; signal: AbortSignal; done: (error?: Error) => void }[] = [];
  const pullImage = (image: string, auth: ImageAuth | undefined, signal: AbortSignal) =>
    new Promise<string>((resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      calls.push({ image, auth, signal, done: (error) => (error ? reject(error) : resolve(image)) });
    });
  return { calls, pulls: (mostAtOnce: number) => new Pulls({ runtime: { pullImage }, clock, mostAtOnce }) };
}
const never = new AbortController().signal;
const settled = () => new Promise((resolve) => setImmediate(resolve));

test('who wants the same image with the same credentials joins; others do not', async () => {
  const { calls, pulls } = scripted();
  const node = pulls(5);
  const all = [node.pull('a', undefined, never), node.pull('a', undefined, never), node.pull('a', { username: 'u' }, never), node.pull('b', undefined, never)];
  await settled();
  assert.deepEqual(calls.map(({ image, auth }) => [image, auth?.username]), [['a', undefined], ['a', 'u'], ['b', undefined]]);
  for (const { done } of calls) done();
  await Promise.all(all);
  const again = node.pull('a', undefined, never);
  await settled();
  assert.equal(calls.length, 4, 'what is over is begun anew');
  calls[3]!.done(new Error('no'));
  await assert.rejects(again, /no/);
});

test('no more at once than allowed, in the order they came, also after failures', async () => {
  const { calls, pulls } = scripted();
  const node = pulls(1);
  const first = node.pull('a', undefined, never);
  const [second, third] = [node.pull('b', undefined, never), node.pull('c', undefined, never)];
  await settled();
  assert.deepEqual(calls.map(({ image }) => image), ['a']);
  calls[0]!.done(new Error('broken'));
  await assert.rejects(first, /broken/);
  await settled();
  assert.deepEqual(calls.map(({ image }) => image), ['a', 'b']);
  calls[1]!.done();
  await second;
  await settled();
  calls[2]!.done();
  await third;
});

test('a pull ends when the last who wanted it leaves, and not before', async () => {
  const { calls, pulls } = scripted();
  const node = pulls(1);
  const [one, two, waiting] = [new AbortController(), new AbortController(), new AbortController()];
  const a = node.pull('a', undefined, one.signal);
  const b = node.pull('a', undefined, two.signal);
  const queued = node.pull('b', undefined, waiting.signal);
  await settled();
  one.abort(new Error('left'));
  await assert.rejects(a, /left/);
  assert.equal(calls[0]!.signal.aborted, false);
  waiting.abort(new Error('left the queue'));
  await assert.rejects(queued, /left the queue/);
  two.abort(new Error('left too'));
  await assert.rejects(b, /left too/);
  assert.equal(calls[0]!.signal.aborted, true);
  const next = node.pull('c', undefined, never);
  await settled();
  assert.deepEqual(calls.map(({ image }) => image), ['a', 'c'], 'the place is free again');
  calls[1]!.done();
  await next;
});
