import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualClock } from '../../base/virtual-clock.ts';
import { RuntimeError } from '../runtime.ts';
import { CallsUnderWay } from './calls.ts';
import { patiently } from './patience.ts';

test('those that are under way are waited for, and not those that begin meanwhile', async () => {
  const calls = new CallsUnderWay();
  const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const steps: string[] = [];
  const one = calls.during('RunPodSandbox', () => first.promise);
  const ended = calls.ended().then(() => steps.push('ended'));
  const two = calls.during('StartContainer', () => second.promise);
  first.resolve();
  await one;
  await ended;
  second.resolve();
  await two;
  assert.deepEqual(steps, ['ended']);
  // What makes nothing is not waited for.
  void calls.during('ListPodSandbox', () => new Promise(() => {}));
  await calls.ended();
});

test('a call that got no answer is told of, and one that was refused is not', async () => {
  const calls = new CallsUnderWay();
  let [cutOff, removed] = [0, 0];
  calls.listen({ cutOff: () => cutOff++, sandboxRemoved: () => removed++ });
  const failing = (name: string, error: unknown) => assert.rejects(calls.during(name, () => Promise.reject(error)));
  await failing('RunPodSandbox', new RuntimeError('failed', 'no such image'));
  await failing('ListContainers', new RuntimeError('unavailable', 'the connection was lost'));
  assert.equal(cutOff, 0);
  await failing('RunPodSandbox', new RuntimeError('unavailable', 'the connection was lost'));
  await failing('StartContainer', new DOMException('aborted', 'AbortError'));
  assert.equal(cutOff, 2);
  await failing('RemovePodSandbox', new RuntimeError('failed', 'busy'));
  await calls.during('RemovePodSandbox', async () => {});
  assert.equal(removed, 1);
});

test('a call that makes something gets ten seconds more to answer when it is no longer wanted', async () => {
  const clock = new VirtualClock();
  const unwanted = new AbortController();
  const answer = Promise.withResolvers<string>();
  const hanging = (signal: AbortSignal) => new Promise<string>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  const answered = patiently(() => answer.promise, clock, unwanted.signal);
  const hung = patiently(hanging, clock, unwanted.signal).catch((error: Error) => `${clock.monotonicMs()} ${error.message}`);
  await clock.advance(1_000);
  unwanted.abort(new Error('the Pod ends'));
  await clock.advance(9_000);
  answer.resolve('an id');
  assert.equal(await answered, 'an id');
  await clock.advance(5_000);
  assert.equal(await hung, '11000 the Pod ends');
  await assert.rejects(patiently(hanging, clock, unwanted.signal), /the Pod ends/);
  assert.equal(clock.nextMs, undefined);
});
