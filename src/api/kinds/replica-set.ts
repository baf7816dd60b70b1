import type { ReplicaSet } from '../types.ts';
import { defineKind } from './define-kind.ts';

export const replicaSets = defineKind<ReplicaSet>({
  kind: 'ReplicaSet',
  group: 'apps',
  shortNames: ['rs'],
  categories: ['all'],
  hasStatus: true,
  hasGeneration: true,
});
