// Seats, queues and classes, as decisions.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from '../../base/testing/fast-check.ts';
import { defaultLevels, defaultSchemas } from '../../api/kinds/flow-control-defaults.ts';
import type { FlowSchema, PriorityLevelConfiguration } from '../../api/types.ts';
import { Classifier } from './classify.ts';
import { limitsOf, type LevelLimits } from './limits.ts';
import { Seats, Ticket } from './seats.ts';
import { dealHand } from './shuffle-shard.ts';
import { workOf } from './work.ts';

const named = <T>({ name, spec }: { name: string; spec: object }) => ({ metadata: { name }, spec }) as T;

test('the default objects class requests as upstream', () => {
  const classifier = new Classifier(defaultSchemas.map(named<FlowSchema>), 'catch-all', ({ metadata }) => metadata.name);
  const as = (username: string, ...groups: string[]) => ({ username, groups: [...groups, 'system:authenticated'] });
  const ask = (verb: string, group: string, plural: string, namespace?: string, subresource?: string) => ({ verb, resource: { group, version: 'v1', plural }, namespace, subresource, options: {} }) as never;
  const pods = ask('list', '', 'pods', 'default');
  const cases: [ReturnType<typeof as>, never, string][] = [
    [as('admin', 'system:masters'), pods, 'exempt'],
    [as('ann'), pods, 'global-default'],
    [as('ann'), { verb: 'get', path: '/readyz' } as never, 'probes'],
    [as('ann'), { verb: 'get', path: '/readyz/ping' } as never, 'global-default'],
    [{ username: 'nobody', groups: [] }, pods, 'catch-all'],
    [as('system:node:n1', 'system:nodes'), pods, 'system-nodes'],
    [as('system:node:n1', 'system:nodes'), ask('patch', '', 'nodes', undefined, 'status'), 'system-node-high'],
    [as('system:node:n1', 'system:nodes'), ask('update', 'coordination.k8s.io', 'leases', 'kube-node-lease'), 'system-node-high'],
    [as('system:kube-scheduler'), pods, 'kube-scheduler'],
    [as('system:kube-scheduler'), ask('update', 'coordination.k8s.io', 'leases', 'kube-system'), 'system-leader-election'],
    [as('system:kube-controller-manager'), ask('update', '', 'endpoints', 'default'), 'endpoint-controller'],
    [as('system:kube-controller-manager'), ask('patch', '', 'endpoints', 'default'), 'kube-controller-manager'],
    [as('system:serviceaccount:kube-system:coredns', 'system:serviceaccounts'), pods, 'kube-system-service-accounts'],
    [as('system:serviceaccount:default:robot', 'system:serviceaccounts'), pods, 'service-accounts'],
  ];
  for (const [user, asked, expected] of cases) assert.equal(classifier.find(user, asked), expected, JSON.stringify([user.username, asked]));
});

test('shares of the default levels', () => {
  const limits = limitsOf(defaultLevels.map(named<PriorityLevelConfiguration>), 600);
  const of = (name: string) => limits.find((one) => one.name === name)!;
  assert.deepEqual(['system', 'node-high', 'workload-low', 'global-default', 'catch-all', 'exempt'].map((name) => [of(name).nominal, of(name).least]), [[74, 50], [98, 73], [245, 24], [49, 24], [13, 13], [0, 0]]);
});

test('a hand holds different queues, the same for the same flow, and few flows share all of theirs', () => {
  fc.assert(fc.property(fc.string(), fc.integer({ min: 1, max: 512 }), fc.integer({ min: 1, max: 12 }), (flow, queues, size) => {
    const hand = dealHand(flow, queues, size);
    assert.equal(new Set(hand).size, Math.min(size, queues));
    assert.ok(hand.every((card) => card >= 0 && card < queues));
    assert.deepEqual(hand, dealHand(flow, queues, size));
  }));
  const elephant = new Set(dealHand('elephant', 128, 6));
  const covered = Array.from({ length: 1000 }, (_, n) => dealHand(`mouse${n}`, 128, 6)).filter((hand) => hand.every((card) => elephant.has(card)));
  assert.equal(covered.length, 0);
});

function limit(name: string, nominal: number, least = nominal, most = nominal, queuing: LevelLimits['queuing'] = { queues: 8, handSize: 2, queueLengthLimit: 1000 }): LevelLimits {
  return { name, uid: name, isExempt: false, nominal, least, most, mostOfOne: Math.max(1, Math.ceil(nominal * 0.15)), queuing };
}

test('what one level lends another uses, and what it keeps is always there', () => {
  const seats = new Seats();
  seats.configure([limit('a', 4, 1, 8), limit('b', 4, 2, 8)], 0);
  const [a, b] = [seats.level('a')!, seats.level('b')!];
  let taken = 0;
  while (seats.takeFree(a)) taken++;
  assert.equal(taken, 6, 'its own four, and the two that b lends');
  assert.deepEqual([seats.takeFree(b), seats.takeFree(b), seats.takeFree(b)], [true, true, false]);
  const ticket = seats.wait(b, 'x', 0);
  assert.ok(ticket instanceof Ticket);
  assert.deepEqual(seats.give(a, undefined, 1), [ticket], 'b gets its seat back as soon as it is free');
  assert.equal(seats.takeFree(a), false);
});

test('never more seats than there are, none that is kept is refused, and all who wait are served in the end', () => {
  const step = fc.record({ level: fc.nat(2), flow: fc.nat(5), act: fc.constantFrom('ask', 'ask', 'end', 'leave', 'configure'), pick: fc.nat(1000) });
  fc.assert(fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
    const variants = [
      [limit('l0', 3, 1, 9), limit('l1', 3, 3, 3), limit('l2', 2, 0, 8)],
      [limit('l0', 2, 2, 2), limit('l1', 5, 1, 9), limit('l2', 1, 0, 8, { queues: 3, handSize: 1, queueLengthLimit: 1000 })],
    ];
    const seats = new Seats();
    seats.configure(variants[0]!, 0);
    const serving: [string, Ticket | undefined][] = [];
    const waiting = new Set<Ticket>();
    const begin = (tickets: readonly Ticket[]) => {
      for (const ticket of tickets) {
        assert.ok(waiting.delete(ticket), 'it waited');
        serving.push([ticket.level.limits.name, ticket]);
      }
    };
    let nowMs = 0;
    for (const { level, flow, act, pick } of steps) {
      nowMs++;
      const name = `l${level}`;
      if (act === 'ask') {
        const of = seats.level(name)!;
        const isKept = of.serving < of.limits.least && of.waiting === 0;
        if (seats.takeFree(of)) {
          serving.push([name, undefined]);
          const inUse = [...seats.levels].reduce((sum, { serving: count, limits }) => sum + Math.max(count, limits.least), 0);
          assert.ok(of.serving <= of.limits.least || (inUse <= 8 && of.serving <= of.limits.most), 'no more seats than there are');
        } else {
          assert.ok(!isKept, 'a seat that is kept is there');
          const ticket = seats.wait(of, String(flow), nowMs);
          assert.ok(ticket instanceof Ticket);
          waiting.add(ticket);
        }
      } else if (act === 'end' && serving.length > 0) {
        const [[ended, ticket]] = serving.splice(pick % serving.length, 1) as [[string, Ticket | undefined]];
        begin(seats.give(seats.level(ended)!, ticket, nowMs));
      } else if (act === 'leave' && waiting.size > 0) {
        const ticket = [...waiting][pick % waiting.size]!;
        waiting.delete(ticket);
        seats.leave(ticket);
      } else if (act === 'configure') begin(seats.configure(variants[pick % 2]!, nowMs));
      for (const { limits, serving: count } of seats.levels) assert.equal(count, serving.filter(([name]) => name === limits.name).length);
    }
    while (serving.length > 0) {
      const [ended, ticket] = serving.pop()!;
      begin(seats.give(seats.level(ended)!, ticket, ++nowMs));
      const inUse = [...seats.levels].reduce((sum, { serving: count, limits }) => sum + Math.max(count, limits.least), 0);
      assert.ok(waiting.size === 0 || inUse >= 8 || [...seats.levels].every((level) => level.waiting === 0 || level.serving >= level.limits.most), 'nobody waits beside a free seat');
    }
    assert.equal(waiting.size, 0);
    assert.deepEqual([...seats.levels].map(({ waiting: count, busy }) => [count, busy.size]), [[0, 0], [0, 0], [0, 0]]);
  }), { numRuns: 200 });
});

test('an elephant and a mouse take turns, and slow requests weigh more than quick ones', () => {
  const seats = new Seats();
  seats.configure([limit('l', 1, 1, 1, { queues: 64, handSize: 4, queueLengthLimit: 50 })], 0);
  const level = seats.level('l')!;
  assert.ok(seats.takeFree(level));
  const owner = new Map<Ticket, string>();
  const ask = (flow: string) => {
    const ticket = seats.wait(level, flow, 0);
    if (ticket instanceof Ticket) owner.set(ticket, flow);
    return ticket;
  };
  for (let n = 0; n < 200; n++) assert.ok(ask('elephant') instanceof Ticket);
  assert.equal(ask('elephant'), 'queue-full', 'its own queues are full');
  for (let n = 0; n < 10; n++) assert.ok(ask('mouse') instanceof Ticket, "and another's are not");
  let nowMs = 0;
  let current: Ticket | undefined;
  const order: string[] = [];
  while (order.filter((flow) => flow === 'mouse').length < 10) {
    nowMs += current && owner.get(current) === 'elephant' ? 100 : 10;
    [current] = seats.give(level, current, nowMs) as [Ticket];
    order.push(owner.get(current)!);
  }
  assert.ok(order.length <= 10 + 4 * 3, `the mouse was served early: ${order.join(' ')}`);
});

test('what needs several seats waits until they are free, is not passed by, and gives them all back', () => {
  const seats = new Seats();
  seats.configure([limit('l', 10)], 0);
  const level = seats.level('l')!;
  assert.deepEqual([seats.takeFree(level, 4), seats.takeFree(level, 4), seats.takeFree(level, 3)], [true, true, false]);
  const wide = seats.wait(level, 'a', 0, 3) as Ticket;
  assert.equal(seats.takeFree(level, 1), false, 'nobody passes by');
  const narrow = seats.wait(level, 'a', 0, 1) as Ticket;
  assert.deepEqual([level.serving, level.executing, level.waiting, level.waitingSeats], [8, 2, 2, 4]);
  assert.deepEqual(seats.give(level, undefined, 1, 4), [wide, narrow]);
  assert.deepEqual([level.serving, level.executing, level.waiting, level.waitingSeats], [8, 3, 0, 0]);
  for (const [ticket, count] of [[undefined, 4], [wide, 3], [narrow, 1]] as const) seats.give(level, ticket, 2, count);
  assert.deepEqual([level.serving, level.executing, ...level.queues.map((queue) => queue.seats)], [0, 0, ...level.queues.map(() => 0)]);
  const late = [seats.takeFree(level, 9), seats.wait(level, 'a', 3, 9) as Ticket] as const;
  seats.configure([limit('l', 2)], 3);
  assert.deepEqual(seats.give(level, undefined, 4, 9), [late[1]], 'limits that have shrunk keep nobody out for ever');
});

test('the work of requests', () => {
  const of = (verb: string, rest: object = {}, most = 10, counts = { objects: 5000, watchers: 0 }) => {
    const work = workOf({ verb, resource: { group: '', version: 'v1', plural: 'pods' }, options: {}, ...rest } as never, most, { objects: () => counts.objects, watchers: () => counts.watchers });
    return [work.seats, work.lingersMs];
  };
  const watched = (watchers: number) => ({ objects: 0, watchers });
  const cases: [ReturnType<typeof of>, number[]][] = [
    [of('list'), [10, 0]],
    [of('list', {}, 10, { objects: 401, watchers: 0 }), [5, 0]],
    [of('list', {}, 3), [3, 0]],
    [of('list', {}, 10, { objects: 0, watchers: 0 }), [1, 0]],
    [of('list', { options: { limit: 250 } }), [3, 0]],
    [of('list', { options: { limit: 250, labelSelector: 'a=b' } }), [10, 0]],
    [of('list', { options: { fieldSelector: 'metadata.name=one' } }), [1, 0]],
    [of('watch'), [1, 0]],
    [of('watch', { options: { sendInitialEvents: true } }), [10, 0]],
    [of('get', { name: 'one' }), [1, 0]],
    [of('create', {}, 10, watched(9)), [1, 0]],
    [of('create', {}, 10, watched(95)), [10, 5]],
    [of('patch', { name: 'one' }, 4, watched(400)), [4, 50]],
    [of('create', { name: 'one', subresource: 'eviction' }, 4, watched(400)), [1, 0]],
  ];
  for (const [found, expected] of cases) assert.deepEqual(found, expected);
});
