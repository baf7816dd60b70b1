import { needsOf } from '../pod-needs.ts';
import { refuse, type Filter } from './filter.ts';

const refusal = refuse("node(s) didn't have free ports for the requested pod ports", false);

export const ports: Filter = {
  name: 'NodePorts',
  isLocal: true,
  wokenBy: ['node-added', 'pod-left'],
  mayHelp: (_, { pod }, { ports }) => !pod || needsOf(pod).ports.some((freed) => ports.some(({ port, protocol }) => port === freed.port && protocol === freed.protocol)),
  prepare: ({ ports }) => (ports.length === 0 ? undefined : (node) => (node.hasPortOf(ports) ? refusal : undefined)),
};
