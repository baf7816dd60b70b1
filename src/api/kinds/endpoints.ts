import type { Endpoints } from '../types.ts';
import { defineKind } from './define-kind.ts';

export const endpoints = defineKind<Endpoints>({
  kind: 'Endpoints',
  plural: 'endpoints',
  shortNames: ['ep'],
  allowCreateOnUpdate: true,
});
