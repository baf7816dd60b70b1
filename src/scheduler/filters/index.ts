// All filters, in the order in which they are asked; the first that refuses a node speaks for it.
import type { Filter } from './filter.ts';
import { nodeAffinity } from './node-affinity.ts';
import { podAffinity } from './pod-affinity.ts';
import { ports } from './ports.ts';
import { resources } from './resources.ts';
import { taints } from './taints.ts';
import { topologySpread } from './topology-spread.ts';
import { unschedulable } from './unschedulable.ts';
import { podVolumes, volumeBinding } from './volume-binding.ts';
import { volumeRestrictions } from './volume-restrictions.ts';

export const filters: readonly Filter[] = [podVolumes, unschedulable, taints, nodeAffinity, ports, resources, volumeRestrictions, volumeBinding, topologySpread, podAffinity];
