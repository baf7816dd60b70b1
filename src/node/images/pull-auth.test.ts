import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Secret } from '../../api/types.ts';
import { credentialsFor } from './pull-auth.ts';

function secret(auths: Record<string, object>): Secret {
  return { metadata: { namespace: 'default', name: 'login', uid: 'u1' }, type: 'kubernetes.io/dockerconfigjson', data: { '.dockerconfigjson': Buffer.from(JSON.stringify({ auths })).toString('base64') } } as unknown as Secret;
}
const users = (image: string, auths: Record<string, object>) => credentialsFor(image, [secret(auths)]).map(({ auth }) => auth.username);
const as = (username: string) => ({ username, password: 'p' });

test('a secret fits by registry and path, the longest first', () => {
  assert.deepEqual(users('r.example.com/team/app:1', { 'r.example.com': as('all'), 'https://r.example.com/team': as('team'), 'r.example.com/other': as('other'), 'other.com': as('x') }), ['team', 'all']);
});

test('Docker Hub by any of its names', () => {
  assert.deepEqual(users('nginx', { 'https://index.docker.io/v1/': as('a') }), ['a']);
  assert.deepEqual(users('nginx', { 'docker.io': as('b') }), ['b']);
});

test('a star stands for one part of a host name, or a piece of it', () => {
  assert.deepEqual(users('eu-1.r.io/x', { 'eu-*.r.io': as('a'), 'us-*.r.io': as('b') }), ['a']);
  assert.deepEqual(users('eu.r.example.com/x', { '*.r.example.com': as('a'), '*.example.com': as('b') }), ['a']);
});

test('auth is user and password in one', () => {
  const [credential] = credentialsFor('r.io/x', [secret({ 'r.io': { auth: Buffer.from('u:p:q').toString('base64') } })]);
  assert.deepEqual([credential?.auth.username, credential?.auth.password, credential?.secret.name], ['u', 'p:q', 'login']);
  assert.equal(credential?.hash, credentialsFor('r.io/x', [secret({ 'https://r.io': { username: 'u', password: 'p:q' } })])[0]?.hash, 'the same credentials have the same hash');
});

test('a broken secret is as good as none', () => {
  for (const text of ['####', Buffer.from('null').toString('base64'), Buffer.from('{"auths":{"r.io":null}}').toString('base64')]) {
    assert.deepEqual(credentialsFor('r.io/x', [{ metadata: { name: 'x' }, type: 'kubernetes.io/dockerconfigjson', data: { '.dockerconfigjson': text } } as unknown as Secret]), [], text);
  }
});

test('a port must be the same; the old form of secrets has no `auths`', () => {
  assert.deepEqual(users('r.io:5000/x', { 'r.io': as('a'), 'r.io:5000': as('b'), 'r.io:5001': as('c') }), ['b']);
  const old = { metadata: { name: 'old' }, type: 'kubernetes.io/dockercfg', data: { '.dockercfg': Buffer.from(JSON.stringify({ 'r.io': as('o') })).toString('base64') } } as unknown as Secret;
  assert.deepEqual(credentialsFor('r.io/x', [old]).map(({ auth }) => auth.username), ['o']);
});
