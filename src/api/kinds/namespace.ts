import type { Namespace } from '../types.ts';
import { defineKind } from './define-kind.ts';

export const namespaces = defineKind<Namespace>({
  kind: 'Namespace',
  shortNames: ['ns'],
  namespaced: false,
  hasStatus: true,
});
