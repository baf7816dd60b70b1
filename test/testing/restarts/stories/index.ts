import type { Story } from '../story.ts';
import { clusterStories } from './cluster.ts';
import { jobStories } from './jobs.ts';
import { replicaStories } from './replicas.ts';
import { scalingStories } from './scaling.ts';
import { setStories } from './sets.ts';

export const stories: readonly Story[] = [...replicaStories, ...setStories, ...jobStories, ...scalingStories, ...clusterStories];
