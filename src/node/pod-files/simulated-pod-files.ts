// A simulated node has no files: what volumes are made of must be there all the same, and logs and messages are the
// runtime's to tell.
import type { ContainerState } from '../../runtime/runtime.ts';
import { endsAnnotation, type SimulatedRuntime } from '../../runtime/simulated/simulated-runtime.ts';
import type { LogOptions } from '../../api/node-service.ts';
import { tailLog } from '../logs/tail-log.ts';
import { terminationPolicyAnnotation } from '../spec/labels.ts';
import { Shape, type LogSource } from '../logs/read-log.ts';
import { resolveVolumes } from '../volumes/pod-volumes.ts';
import type { PodTokens } from '../volumes/pod-tokens.ts';
import type { PodFiles } from './pod-files.ts';

/** Nobody reads them, so none are asked for. */
const noTokens: PodTokens = { get: async () => ({ token: '', renewAfterMs: Infinity }) };
const mostLogLines = 80;
const noAnnotations: Readonly<Record<string, string>> = {};
const runsToItsEnd: Readonly<Record<string, string>> = { [endsAnnotation]: 'ends' };
const noDns = { servers: [], searches: [], options: [] };

export function createSimulatedPodFiles(runtime: SimulatedRuntime): PodFiles {
  return {
    makeDirectories() {},
    podUids: async () => [],
    logDirectories: async () => new Map(),
    dns: () => noDns,
    async makeLogDirectory() {},
    async removeLogDirectory() {},
    /** Throws VolumeError as on a real node: for a ConfigMap that is not there, say. */
    prepareVolumes: (_podDir, world, _made, signal) => resolveVolumes({ ...world, tokens: noTokens }, signal),
    async containerFiles({ container, volumes, environment }) {
      await Promise.all([volumes(), environment()]);
      return { mounts: [], devices: [], terminationFile: undefined, annotations: container.role === 'init' ? runsToItsEnd : noAnnotations };
    },
    async removePodDirectory() {},
    async terminationMessage({ id, exitCode, annotations }) {
      const own = runtime.terminationMessage(id);
      if (own || exitCode === 0 || annotations[terminationPolicyAnnotation] !== 'FallbackToLogsOnError') return own;
      return tailLog(Buffer.from(runtime.log(id)), mostLogLines).toString();
    },
    readLog: (state, source, options, signal) => readLog(runtime, state, source, options, signal),
    pullRecords: () => undefined,
    async keepBounded() {},
  };
}

async function* readLog(runtime: SimulatedRuntime, { id }: ContainerState, source: LogSource, options: LogOptions, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const shape = new Shape(source, options);
  let text = runtime.log(id);
  let shown = options.tailLines === undefined ? 0 : startOfLastLines(text, options.tailLines);
  let wake = () => {};
  const stop = new DisposableStack();
  using _stop = stop;
  const bell = () => wake();
  if (options.follow) {
    stop.use(runtime.onLog(id, bell));
    stop.use(source.onChange(bell));
    signal.addEventListener('abort', bell, { once: true });
    stop.defer(() => signal.removeEventListener('abort', bell));
  }
  for (;;) {
    const last = !options.follow || !source.isRunning();
    const rung = new Promise<void>((resolve) => (wake = resolve));
    text = runtime.log(id);
    const part = shape.take(Buffer.from(text.slice(shown)));
    shown = text.length;
    if (part.length > 0) yield part;
    if (last || shape.full || signal.aborted) return;
    await rung;
  }
}

function startOfLastLines(text: string, lines: number): number {
  let at = text.length;
  for (let found = 0; at > 0; at--) if (text[at - 1] === '\n' && found++ === lines) return at;
  return at;
}
