import { termTest } from '../../api/node-affinity.ts';
import { share, type Score } from './score.ts';

/** The nodes that the Pod would rather be on. */
export const preferredAffinity: Score = {
  name: 'NodeAffinity',
  weight: 2,
  rate: share(2, false, ({ pod }) => {
    const terms = pod.spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution?.map(({ weight, preference }) => ({ weight, test: termTest(preference) }));
    if (!terms?.length) return undefined;
    return ({ node }) => terms.reduce((sum, { weight, test }) => sum + (test(node!) ? weight : 0), 0);
  }),
};
