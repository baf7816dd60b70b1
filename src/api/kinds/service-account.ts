import type { ServiceAccount } from '../types.ts';
import { defineKind } from './define-kind.ts';

export const serviceAccounts = defineKind<ServiceAccount>({
  kind: 'ServiceAccount',
  shortNames: ['sa'],
});
