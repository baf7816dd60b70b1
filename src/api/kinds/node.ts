import type { Node } from '../types.ts';
import { defineKind } from './define-kind.ts';

export const nodes = defineKind<Node>({
  kind: 'Node',
  shortNames: ['no'],
  namespaced: false,
  hasStatus: true,
});
