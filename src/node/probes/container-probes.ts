// Asks one running container, again and again: startup first, and once that succeeded liveness and readiness. The first
// asking comes at once when there is no initial delay, and more than the period asks for until the container is ready.
// Says so whenever a verdict changes.
import type { Probe } from '../../api/types.ts';
import { perform, type ActionResult, type ActionTarget } from '../actions/action.ts';
import type { EventRecorder } from '../../client/event-recorder.ts';
import { afterProbe, firstAsking, firstProbeDelayMs, initialState, nextAsking, type ProbeKind, type ProbeState } from './probe-state.ts';

export interface ContainerProbes {
  readonly verdicts: Readonly<Record<ProbeKind, ProbeState['verdict']>>;
  /** How often it was asked, by what came of it. */
  readonly counts: ProbeCounts;
  /** A Pod that ends is asked for its readiness only. */
  stopLivenessAndStartup(): void;
  stop(): void;
}

export type ProbeCounts = Readonly<Record<ProbeKind, Record<ActionResult['outcome'], number>>>;

/** What an earlier agent has found of the same container. */
export interface EarlierVerdicts {
  readonly started: boolean;
  readonly ready: boolean;
}

/** `changed` is called after each change of a verdict. */
export function startProbes(target: ActionTarget, startedAtMs: number, earlier: EarlierVerdicts, events: EventRecorder, changed: () => void): ContainerProbes {
  const { startupProbe, livenessProbe, readinessProbe } = target.container.spec;
  if (!startupProbe && !livenessProbe && !readinessProbe) return unprobed;
  const verdicts: Record<ProbeKind, ProbeState['verdict']> = {
    startup: startupProbe && !earlier.started ? 'unknown' : 'success',
    liveness: 'success',
    readiness: readinessProbe && !earlier.ready ? 'failure' : 'success',
  };
  const none = () => ({ success: 0, failure: 0, unknown: 0 });
  const counts: ProbeCounts = { startup: none(), liveness: none(), readiness: none() };
  const stops: Partial<Record<ProbeKind, AbortController>> = {};

  function begin(kind: ProbeKind, probe: Probe | undefined): void {
    if (!probe || stops[kind]) return;
    const stop = new AbortController();
    stops[kind] = stop;
    void ask(kind, probe, stop.signal);
  }

  function beginAfterStartup(): void {
    begin('liveness', livenessProbe);
    begin('readiness', readinessProbe);
  }

  async function ask(kind: ProbeKind, probe: Probe, signal: AbortSignal): Promise<void> {
    const { clock } = target;
    const periodMs = (probe.periodSeconds ?? 10) * 1000;
    const timeoutMs = (probe.timeoutSeconds ?? 1) * 1000;
    let state: ProbeState = { ...initialState(kind), verdict: verdicts[kind] };
    try {
      const delayMs = firstProbeDelayMs(probe, startedAtMs, clock.wallMs());
      let asking = firstAsking(kind, clock.monotonicMs() + delayMs);
      for (;;) {
        const waitMs = asking.atMs - clock.monotonicMs();
        if (waitMs > 0) await clock.sleep(waitMs, signal);
        const beganMs = clock.monotonicMs();
        const { outcome, output, isDoubtful } = await asked(probe, timeoutMs, signal);
        if (signal.aborted) return;
        counts[kind][outcome]++;
        const isCounted = asking.type === 'periodic' || outcome === 'success';
        asking = nextAsking(asking, outcome, beganMs, clock.monotonicMs(), periodMs);
        if (!isCounted) continue;
        if (outcome !== 'success') {
          const what = `${title[kind]} probe ${outcome === 'failure' ? 'failed' : 'errored and resulted in unknown state'}: ${output}`;
          events.event(aboutPod(target), 'Warning', 'Unhealthy', what, target.container.fieldPath);
        } else if (isDoubtful) events.event(aboutPod(target), 'Warning', 'ProbeWarning', `${title[kind]} probe warning: ${output}`, target.container.fieldPath);
        state = afterProbe(state, outcome, probe);
        if (state.verdict !== verdicts[kind]) {
          verdicts[kind] = state.verdict;
          if (kind === 'startup' && state.verdict === 'success') beginAfterStartup();
          changed();
          if (kind !== 'readiness' && state.verdict === 'failure') return;
        }
        if (kind === 'startup' && state.verdict === 'success') return;
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  function asked(probe: Probe, timeoutMs: number, signal: AbortSignal): Promise<ActionResult> {
    return perform(probe, target, timeoutMs, 'kube-probe/1.36', signal).catch((error): ActionResult => {
      if (signal.aborted) throw error;
      return { outcome: 'unknown', output: String(error) };
    });
  }

  if (verdicts.startup === 'unknown') begin('startup', startupProbe);
  else beginAfterStartup();
  return {
    verdicts,
    counts,
    stopLivenessAndStartup() {
      stops.startup?.abort();
      stops.liveness?.abort();
      stops.startup ??= new AbortController();
      stops.liveness ??= new AbortController();
    },
    stop() {
      for (const stop of Object.values(stops)) stop.abort();
    },
  };
}

/** Of a container that nothing is asked of. */
const unprobed: ContainerProbes = {
  verdicts: { startup: 'success', liveness: 'success', readiness: 'success' },
  counts: { startup: { success: 0, failure: 0, unknown: 0 }, liveness: { success: 0, failure: 0, unknown: 0 }, readiness: { success: 0, failure: 0, unknown: 0 } },
  stopLivenessAndStartup() {},
  stop() {},
};

const title: Readonly<Record<ProbeKind, string>> = { startup: 'Startup', liveness: 'Liveness', readiness: 'Readiness' };

function aboutPod({ pod }: ActionTarget) {
  return { apiVersion: 'v1', kind: 'Pod', metadata: pod.metadata };
}
