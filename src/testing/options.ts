// What a test asks of its cluster, checked once.
import { UserError } from '../cluster/user-error.ts';
import { checkNode, mostSimulatedNodes, type SimulatedNodeSpec } from '../cluster/simulated-node.ts';
import type { NodeLifecycleOptions } from '../controllers/node-lifecycle/node-lifecycle.ts';
import type { LogLevel } from '../base/log.ts';
import type { Store } from '../store/store.ts';
import type { StepLimits } from './rest-guard.ts';

export interface TestClusterOptions {
  /** How many, or which. Default 1; `node-0` and on. */
  readonly nodes?: number | readonly SimulatedNodeSpec[];
  /** What chance is drawn from: the same seed, and the same things done, give the same history. Default 1. */
  readonly seed?: number;
  /** `virtual`: time stands still until the test moves it. Default. */
  readonly clock?: 'virtual' | 'real';
  /** Where objects are kept. Default: in memory. The cluster closes it. */
  readonly store?: 'memory' | Store;
  /** True: a server on 127.0.0.1, and a kubeconfig for it, for tools of any language. Takes some 100 ms. Default false. */
  readonly https?: boolean;
  /** When virtual time begins, in ms since the epoch. Default: the beginning of 2026. */
  readonly epochMs?: number;
  /** What containers of an image do: `{ 'web:1': 'ready-after=5s' }`. */
  readonly images?: Readonly<Record<string, string>>;
  /** False: nobody places Pods, or runs controllers. */
  readonly scheduler?: boolean;
  readonly controllers?: boolean;
  readonly nodeLifecycle?: NodeLifecycleOptions;
  /** So many finished Pods are kept. Default: 12,500. */
  readonly terminatedPodGcThreshold?: number;
  /** What may happen in one moment of virtual time before it counts as a loop that never rests. */
  readonly limits?: Partial<StepLimits>;
  /** The log, line by line. Default: none is kept. */
  readonly onLog?: (line: string) => void;
  readonly logLevel?: LogLevel;
  /** Freezes all objects that are shared, so that one who changes them is found. Default true. */
  readonly freeze?: boolean;
}

export interface ParsedTestOptions extends Required<Omit<TestClusterOptions, 'epochMs' | 'onLog' | 'nodes' | 'nodeLifecycle' | 'terminatedPodGcThreshold' | 'limits'>>, Pick<TestClusterOptions, 'epochMs' | 'onLog' | 'nodeLifecycle' | 'terminatedPodGcThreshold' | 'limits'> {
  readonly nodes: readonly SimulatedNodeSpec[];
}

const known: ReadonlySet<string> = new Set(['nodes', 'seed', 'clock', 'store', 'https', 'epochMs', 'images', 'scheduler', 'controllers', 'nodeLifecycle', 'terminatedPodGcThreshold', 'limits', 'onLog', 'logLevel', 'freeze']);

/** Throws UserError that begins with the field's path. */
export function parseTestOptions(options: TestClusterOptions): ParsedTestOptions {
  const refuse = (field: string, value: unknown, what: string): never => {
    throw new UserError(`options.${field}: Invalid value: ${JSON.stringify(value)}: ${what}`, 'mend that field');
  };
  for (const field of Object.keys(options)) if (!known.has(field)) refuse(field, (options as Record<string, unknown>)[field], `there is no such option; there are ${[...known].join(', ')}`);
  const { nodes = 1, seed = 1, clock = 'virtual', store = 'memory' } = options;
  if (typeof nodes === 'number' && !(Number.isInteger(nodes) && nodes >= 0 && nodes <= mostSimulatedNodes)) refuse('nodes', nodes, `must be from 0 to ${mostSimulatedNodes}`);
  if (!Number.isInteger(seed)) refuse('seed', seed, 'must be a whole number');
  if (clock !== 'virtual' && clock !== 'real') refuse('clock', clock, 'must be virtual or real');
  if (store !== 'memory' && typeof store !== 'object') refuse('store', store, 'must be memory, or a Store');
  if (options.epochMs !== undefined && !(Number.isInteger(options.epochMs) && options.epochMs >= 0)) refuse('epochMs', options.epochMs, 'must be ms since 1970');
  const specs = typeof nodes === 'number' ? Array.from({ length: nodes }, (_, index) => ({ name: `node-${index}` })) : nodes;
  const names = new Set<string>();
  for (const [index, spec] of specs.entries()) {
    checkNode(spec, `options.nodes[${index}]`);
    if (names.has(spec.name)) refuse(`nodes[${index}].name`, spec.name, 'another node has that name');
    names.add(spec.name);
  }
  return {
    images: {}, https: false, scheduler: true, controllers: true, logLevel: 'info', freeze: true, ...options, seed, clock, store, nodes: specs,
  };
}
