import type { ConfigMap } from '../types.ts';
import { defineKind } from './define-kind.ts';

export const configMaps = defineKind<ConfigMap>({
  kind: 'ConfigMap',
  shortNames: ['cm'],
});
