import { refuse, type Filter } from './filter.ts';

const refusal = refuse("node(s) didn't match Pod's node affinity/selector", true);

export const nodeAffinity: Filter = {
  name: 'NodeAffinity',
  isLocal: true,
  wokenBy: ['node-added', 'node-labels'],
  mayHelp: (_, { node }, { allows }) => !node?.node || !allows || allows(node.node),
  prepare: ({ allows }) => allows && (({ node }) => (allows(node!) ? undefined : refusal)),
};

/** Said of the nodes that a Pod does not name, where it names some. */
export const notNamed = refuse("node(s) didn't satisfy plugin(s) [NodeAffinity]", true);
