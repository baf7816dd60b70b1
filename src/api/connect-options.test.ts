import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectOptions, queryOf, type Query } from './connect-options.ts';

// k8s.io/api/core/v1: PodExecOptions and those beside it.
const cases: readonly [string, string, Query, object][] = [
  ['pods', 'exec', { command: ['sh', '-c', 'a b'], stdin: ['true'], tty: ['0'], stdout: [''], container: ['c'] }, { kind: 'PodExecOptions', stdin: true, stdout: true, container: 'c', command: ['sh', '-c', 'a b'] }],
  ['pods', 'exec', {}, { kind: 'PodExecOptions', command: [] }],
  ['pods', 'attach', { stdin: ['false'], stderr: ['1'] }, { kind: 'PodAttachOptions', stderr: true }],
  ['pods', 'portforward', { ports: ['80,8080', '443', 'x'] }, { kind: 'PodPortForwardOptions', ports: [80, 8080, 443] }],
  ['services', 'proxy', { path: ['/a/b'] }, { kind: 'ServiceProxyOptions', path: '/a/b' }],
  ['nodes', 'proxy', { path: [''] }, { kind: 'NodeProxyOptions' }],
];
for (const [plural, subresource, query, options] of cases) {
  test(`${plural}/${subresource} ${JSON.stringify(query)}`, () => {
    const made = connectOptions(plural, subresource, query);
    assert.deepEqual(made, { apiVersion: 'v1', ...options });
    assert.equal(queryOf(plural, subresource, made, query), query, 'what nobody changed stays as it came, with what is wrong in it');
  });
}

test('what was changed is asked for, and all else as it was', () => {
  const query = { command: ['ls'], stdin: ['true'], other: ['x'] };
  const changed = { ...connectOptions('pods', 'exec', query), stdin: false, stdout: true, command: ['nice', 'ls'] } as never;
  assert.deepEqual(queryOf('pods', 'exec', changed, query), { command: ['nice', 'ls'], stdout: ['true'], other: ['x'] });
  const ports = connectOptions('pods', 'portforward', {});
  assert.deepEqual(queryOf('pods', 'portforward', { ...ports, ports: [80, 81] } as never, {}), { ports: ['80', '81'] });
});

test('what must not be left so is refused', () => {
  const exec = connectOptions('pods', 'exec', {});
  for (const [change, why] of [[{ command: 'ls' }, /PodExecOptions\.command is not of type \[\]string/], [{ tty: 'yes' }, /tty is not of type bool/], [{ container: 1 }, /container is not of type string/], [{ kind: 'Pod' }, /expected v1, Kind=PodExecOptions, got v1, Kind=Pod/]] as const) {
    assert.throws(() => queryOf('pods', 'exec', { ...exec, ...change } as never, {}), why);
  }
});
