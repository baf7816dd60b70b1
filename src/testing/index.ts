// `peapod/testing`: a whole cluster inside a test.
export { startTestCluster } from './start-test-cluster.ts';
export { TestCluster, NeverCame, type RunUntilOptions } from './test-cluster.ts';
export type { TestClusterOptions } from './options.ts';
export type { TestNode } from './test-node.ts';
export type { Fault } from './faults.ts';
export type { LookedAt } from './story.ts';
export type { SimulatedNodeSpec } from '../cluster/simulated-node.ts';
export { RestlessError, type StepLimits } from './rest-guard.ts';
export { UserError } from '../cluster/user-error.ts';
export { Client, keyOf, type ListOptions, type WatchOptions } from '../client/client.ts';
export { ApiError, isReason } from '../api/error.ts';
export type { WatchEvent } from '../api/request.ts';
export * from '../api/kinds/index.ts';
export type * from '../api/types.ts';
