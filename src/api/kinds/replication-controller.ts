import type { ReplicationController } from '../types.ts';
import { defineKind } from './define-kind.ts';

export const replicationControllers = defineKind<ReplicationController>({
  kind: 'ReplicationController',
  shortNames: ['rc'],
  categories: ['all'],
  hasStatus: true,
  hasGeneration: true,
});
