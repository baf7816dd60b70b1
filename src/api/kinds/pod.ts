import type { Pod } from '../types.ts';
import { defineKind } from './define-kind.ts';

export const pods = defineKind<Pod>({
  kind: 'Pod',
  shortNames: ['po'],
  categories: ['all'],
  hasStatus: true,
  hasGeneration: true,
  connects: ['log', 'exec', 'attach', 'portforward'],
});
