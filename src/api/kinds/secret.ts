import type { Secret } from '../types.ts';
import { defineKind } from './define-kind.ts';

export const secrets = defineKind<Secret>({
  kind: 'Secret',
});
