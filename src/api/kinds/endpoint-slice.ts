import type { EndpointSlice } from '../types.ts';
import { defineKind } from './define-kind.ts';

export const endpointSlices = defineKind<EndpointSlice>({
  kind: 'EndpointSlice',
  group: 'discovery.k8s.io',
  hasGeneration: true,
});
