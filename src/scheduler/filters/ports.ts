import { refuse, type Filter } from './filter.ts';

const refusal = refuse("node(s) didn't have free ports for the requested pod ports", false);

export const ports: Filter = {
  name: 'NodePorts',
  wokenBy: ['node-added', 'pod-left'],
  prepare: ({ ports }) => (ports.length === 0 ? undefined : (node) => (node.hasPortOf(ports) ? refusal : undefined)),
};
