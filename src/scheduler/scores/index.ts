import { balanced } from './balanced.ts';
import { imageLocality } from './image-locality.ts';
import { leastAllocated } from './least-allocated.ts';
import { preferredAffinity } from './preferred-affinity.ts';
import { preferredPods } from './preferred-pods.ts';
import type { Score } from './score.ts';
import { spread } from './spread.ts';
import { preferredTaints } from './taints.ts';

export const scores: readonly Score[] = [preferredTaints, preferredAffinity, spread, preferredPods, leastAllocated, balanced, imageLocality];
