import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Secret } from '../../api/types.ts';
import { authsFor } from './pull-auth.ts';

function secret(auths: Record<string, object>): Secret {
  return { type: 'kubernetes.io/dockerconfigjson', data: { '.dockerconfigjson': Buffer.from(JSON.stringify({ auths })).toString('base64') } } as unknown as Secret;
}
const users = (image: string, auths: Record<string, object>) => authsFor(image, [secret(auths)]).map(({ username }) => username);
const as = (username: string) => ({ username, password: 'p' });

test('a secret fits by registry and path, the longest first', () => {
  assert.deepEqual(users('r.example.com/team/app:1', { 'r.example.com': as('all'), 'https://r.example.com/team': as('team'), 'r.example.com/other': as('other'), 'other.com': as('x') }), ['team', 'all']);
});

test('Docker Hub by any of its names', () => {
  assert.deepEqual(users('nginx', { 'https://index.docker.io/v1/': as('a') }), ['a']);
  assert.deepEqual(users('nginx', { 'docker.io': as('b') }), ['b']);
});

test('a star stands for one part of a host name', () => {
  assert.deepEqual(users('eu.r.example.com/x', { '*.r.example.com': as('a'), '*.example.com': as('b') }), ['a']);
});

test('auth is user and password in one', () => {
  const [auth] = authsFor('r.io/x', [secret({ 'r.io': { auth: Buffer.from('u:p:q').toString('base64') } })]);
  assert.deepEqual([auth?.username, auth?.password], ['u', 'p:q']);
});

test('a broken secret is as good as none', () => {
  assert.deepEqual(authsFor('r.io/x', [{ type: 'kubernetes.io/dockerconfigjson', data: { '.dockerconfigjson': '####' } } as unknown as Secret]), []);
});
