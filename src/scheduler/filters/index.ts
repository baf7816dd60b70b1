// All filters, in the order in which they are asked; the first that refuses a node speaks for it.
import type { Filter } from './filter.ts';
import { nodeAffinity } from './node-affinity.ts';
import { podAffinity } from './pod-affinity.ts';
import { ports } from './ports.ts';
import { resources } from './resources.ts';
import { taints } from './taints.ts';
import { topologySpread } from './topology-spread.ts';
import { unschedulable } from './unschedulable.ts';

export const filters: readonly Filter[] = [unschedulable, taints, nodeAffinity, ports, resources, topologySpread, podAffinity];
