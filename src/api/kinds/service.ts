import type { Service } from '../types.ts';
import { defineKind } from './define-kind.ts';

export const services = defineKind<Service>({
  kind: 'Service',
  shortNames: ['svc'],
  categories: ['all'],
  hasStatus: true,
  allowCreateOnUpdate: true,
});
