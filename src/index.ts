// The library: a cluster inside your own process.
export { startCluster, type Cluster } from './cluster/start-cluster.ts';
export type { ClusterOptions, Progress } from './cluster/options.ts';
export { UserError } from './cluster/user-error.ts';
export { Client, keyOf, type ListOptions, type WatchOptions } from './client/client.ts';
export { ApiError, isReason } from './api/error.ts';
export type { WatchEvent } from './api/request.ts';
export * from './api/kinds/index.ts';
export type * from './api/types.ts';
