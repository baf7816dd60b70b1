import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '../../api/error.ts';
import { createAuthorizer, type Grant } from './authorize.ts';
import { impersonated } from './impersonate.ts';

const deputy: Grant = {
  users: ['deputy'],
  rules: [
    { verbs: ['impersonate'], apiGroups: [''], resources: ['users'], resourceNames: ['bob'] },
    { verbs: ['impersonate'], apiGroups: [''], resources: ['groups'], resourceNames: ['dev, ops'] },
  ],
};
const authorize = createAuthorizer([deputy]);
const root = { username: 'root', groups: ['system:masters', 'system:authenticated'] };
const as = (username: string) => ({ username, groups: ['system:authenticated'] });
const asks = (user: string, ...more: string[]) => ['Host', 'x', 'Impersonate-User', user, ...more];

test('a request that asks for nothing is served as its sender', () => {
  assert.equal(impersonated(root, ['Host', 'x', 'Accept', '*/*'], authorize), root);
});

test('it is served as the other user, without a right of the sender', () => {
  assert.deepEqual(impersonated(root, asks('bob'), authorize), { username: 'bob', groups: ['system:authenticated'] });
  assert.deepEqual(impersonated(root, asks('bob', 'impersonate-group', 'a', 'Impersonate-Group', 'b', 'Impersonate-Uid', '7', 'Impersonate-Extra-Scopes%2fx', 'y'), authorize), {
    username: 'bob', uid: '7', groups: ['a', 'b', 'system:authenticated'], extra: Object.assign(Object.create(null), { 'scopes/x': ['y'] }),
  });
  assert.deepEqual(impersonated(root, asks('system:anonymous'), authorize).groups, ['system:unauthenticated']);
  assert.deepEqual(impersonated(root, asks('system:serviceaccount:shop:cart'), authorize).groups, ['system:serviceaccounts', 'system:serviceaccounts:shop', 'system:authenticated']);
});

test('only who may be that user, that group and that uid, by name', () => {
  const refused = (sender: string, headers: string[]) => {
    try {
      return impersonated(as(sender), headers, authorize).username;
    } catch (error) {
      return (error as ApiError).message;
    }
  };
  assert.equal(refused('deputy', asks('bob', 'Impersonate-Group', 'dev, ops')), 'bob');
  assert.equal(refused('deputy', asks('ann')), 'users "ann" is forbidden: User "deputy" cannot impersonate resource "users" in API group "" at the cluster scope');
  assert.match(refused('deputy', asks('bob', 'Impersonate-Group', 'system:masters')), /^groups "system:masters" is forbidden/);
  assert.match(refused('deputy', asks('bob', 'Impersonate-Uid', '0')), /^uids.authentication.k8s.io "0" is forbidden/);
  assert.match(refused('deputy', asks('bob', 'Impersonate-Extra-A', 'b')), /cannot impersonate resource "userextras\/a"/);
  assert.match(refused('bob', asks('system:serviceaccount:shop:cart')), /^serviceaccounts "cart" is forbidden: .* in the namespace "shop"$/);
});

test('half a request is refused, never served as the sender', () => {
  for (const headers of [['Impersonate-Group', 'a'], ['Impersonate-Uid', '1'], ['Impersonate-User', ''], asks('bob', 'Impersonate-Grp', 'a')]) {
    assert.throws(() => impersonated(root, headers, authorize), { code: 400 });
  }
});
