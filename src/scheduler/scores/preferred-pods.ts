import type { Term } from '../affinity-terms.ts';
import type { PerNode } from '../pod-counts.ts';
import { best, type Score } from './score.ts';

/** Near the Pods it likes and those that like it, away from the others. */
export const preferredPods: Score = {
  name: 'InterPodAffinity',
  weight: 2,
  rate({ pod, affinity }, { counts, placedTerms, labelsOfNamespace }, nodes, totals) {
    /** By node label, by its value. */
    const places = new Map<string, Map<string, number>>();
    const add = ({ topologyKey }: Term, weight: number, perNode: PerNode) => {
      for (const [{ node, labels }, count] of perNode) {
        const value = labels[topologyKey];
        if (!node || value === undefined) continue;
        let of = places.get(topologyKey);
        if (!of) places.set(topologyKey, (of = new Map()));
        of.set(value, (of.get(value) ?? 0) + weight * count);
      }
    };
    for (const { term, weight } of affinity?.likes ?? []) add(term, weight, counts.of(term));
    for (const { term, weight, perNode } of placedTerms.likes.values()) if (term.matches(pod, labelsOfNamespace)) add(term, weight, perNode);
    if (places.size === 0) return;
    const raw = nodes.map(({ labels }) => {
      let sum = 0;
      for (const [key, of] of places) sum += of.get(labels[key] ?? '\0') ?? 0;
      return sum;
    });
    const highest = Math.max(...raw);
    const lowest = Math.min(...raw);
    if (highest === lowest) return;
    for (let index = 0; index < raw.length; index++) totals[index]! += Math.floor((best * (raw[index]! - lowest)) / (highest - lowest)) * this.weight;
  },
};
