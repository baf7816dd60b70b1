import type { Deployment } from '../types.ts';
import { defineKind } from './define-kind.ts';

export const deployments = defineKind<Deployment>({
  kind: 'Deployment',
  group: 'apps',
  shortNames: ['deploy'],
  categories: ['all'],
  hasStatus: true,
  hasGeneration: true,
});
