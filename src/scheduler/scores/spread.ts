import { countPlaces } from '../filters/topology-spread.ts';
import type { Score } from './score.ts';

/** Places with fewer Pods of the group are better, where spreading is only wished for. */
export const spread: Score = {
  name: 'PodTopologySpread',
  weight: 2,
  scale: 'inverse',
  prepare(needs, cluster) {
    const constraints = needs.pod.spec.topologySpreadConstraints?.filter(({ whenUnsatisfiable }) => whenUnsatisfiable === 'ScheduleAnyway') ?? [];
    if (constraints.length === 0) return undefined;
    const counted = constraints.map((constraint) => ({ constraint, ...countPlaces(constraint, [constraint.topologyKey], needs, cluster) }));
    return ({ node }) =>
      counted.reduce((sum, { constraint, perPlace }) => {
        const place = node!.metadata.labels?.[constraint.topologyKey];
        return sum + (place === undefined ? 0 : (perPlace.get(place) ?? 0) * Math.log(perPlace.size + 2) + constraint.maxSkew - 1);
      }, 0);
  },
};
