import type { KubeEvent } from '../types.ts';
import { defineKind } from './define-kind.ts';

export const events = defineKind<KubeEvent>({
  kind: 'Event',
  shortNames: ['ev'],
  allowCreateOnUpdate: true,
});
