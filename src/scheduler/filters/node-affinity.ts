import { refuse, type Filter } from './filter.ts';

const refusal = refuse("node(s) didn't match Pod's node affinity/selector", true);

export const nodeAffinity: Filter = {
  name: 'NodeAffinity',
  wokenBy: ['node-added', 'node-labels'],
  prepare: ({ allows }) => allows && (({ node }) => (allows(node!) ? undefined : refusal)),
};
