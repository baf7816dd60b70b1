// A Pod as `kubectl get pods` shows it. STATUS is one word for the whole: the phase, unless a container has something
// more telling to say.
import { conditionOf, isBeingDeleted, isPodFinished, isTrue } from '../../meta.ts';
import type { Column } from '../../kind.ts';
import { formatSince } from '../../time.ts';
import type { ContainerStatus, Pod } from '../../types.ts';
import { ageColumn, nameColumn, text, wide } from '../columns.ts';
import { isSidecar } from './resources.ts';

export const podColumns: readonly Column<Pod>[] = [
  nameColumn,
  text('Ready', 'Containers that are ready, of all that keep running.', (pod) => {
    const { ready, total } = summaryOf(pod);
    return `${ready}/${total}`;
  }),
  text('Status', 'The state of the Pod as a whole, in one word.', (pod) => summaryOf(pod).status),
  text('Restarts', 'Restarts of the containers, and when the last one was.', (pod, nowMs) => {
    const { restarts, lastRestart } = summaryOf(pod);
    return restarts > 0 && lastRestart ? `${restarts} (${formatSince(lastRestart, nowMs)} ago)` : String(restarts);
  }),
  ageColumn,
  wide(text('IP', 'The address that the Pod is reached at.', (pod) => pod.status.podIPs?.[0]?.ip || pod.status.podIP || '<none>')),
  wide(text('Node', 'The node that the Pod is bound to.', (pod) => pod.spec.nodeName || '<none>')),
  wide(text('Nominated Node', 'The node that others are making room on for this Pod.', (pod) => pod.status.nominatedNodeName || '<none>')),
  wide(text('Readiness Gates', 'Extra conditions that are true, of all that must be.', readinessGates)),
];

interface Summary {
  readonly ready: number;
  readonly total: number;
  readonly status: string;
  readonly restarts: number;
  readonly lastRestart: string;
}

/** Three columns read the summary of the same Pod in turn. */
function summaryOf(pod: Pod): Summary {
  if (latest?.pod !== pod) latest = { pod, summary: summarize(pod) };
  return latest.summary;
}

let latest: { readonly pod: Pod; readonly summary: Summary } | undefined;

function summarize(pod: Pod): Summary {
  const { spec, status } = pod;
  const sidecars = new Set((spec.initContainers ?? []).filter(isSidecar).map(({ name }) => name));
  const conditions = status.conditions ?? [];
  const inits = status.initContainerStatuses ?? [];
  const unready = initializing(inits, sidecars, spec.initContainers?.length ?? 0);
  const readySidecars = inits.slice(0, unready?.index).filter((container) => sidecars.has(container.name) && isStarted(container) && container.ready).length;

  let word = status.reason || status.phase || '';
  if (conditionOf(conditions, 'PodScheduled')?.reason === 'SchedulingGated') word = 'SchedulingGated';
  let ready = readySidecars;
  let counted: readonly ContainerStatus[];
  if (unready && !isTrue(conditions, 'Initialized')) {
    word = unready.word;
    counted = inits.slice(0, unready.index + 1);
  } else {
    if (unready) word = unready.word;
    const containers = status.containerStatuses ?? [];
    counted = [...inits.filter(({ name }) => sidecars.has(name)), ...containers];
    const running = containers.filter((container) => container.ready && container.state?.running);
    ready += running.length;
    // The first container's word counts most, as it is read last.
    for (const container of [...containers].reverse()) word = wordOf(container) ?? word;
    if (word === 'Completed' && running.length > 0) word = isTrue(conditions, 'Ready') ? 'Running' : 'NotReady';
  }
  if (isBeingDeleted(pod)) {
    if (status.reason === 'NodeLost') word = 'Unknown';
    else if (!isPodFinished(pod)) word = 'Terminating';
  }
  return {
    ready,
    total: (spec.containers?.length ?? 0) + sidecars.size,
    status: word,
    restarts: counted.reduce((sum, { restartCount }) => sum + (restartCount ?? 0), 0),
    lastRestart: counted.reduce((last, { lastState }) => later(last, lastState?.terminated?.finishedAt), ''),
  };
}

/** The first init container that still stands in the way, and what is to be said of it. */
function initializing(inits: readonly ContainerStatus[], sidecars: ReadonlySet<string>, total: number): { index: number; word: string } | undefined {
  const index = inits.findIndex(({ name, state, started }) => {
    if (state?.terminated?.exitCode === 0) return false;
    return !(sidecars.has(name) && started);
  });
  if (index < 0) return undefined;
  const { terminated, waiting } = inits[index]!.state ?? {};
  if (terminated) return { index, word: `Init:${terminated.reason || codeOf(terminated)}` };
  if (waiting?.reason && waiting.reason !== 'PodInitializing') return { index, word: `Init:${waiting.reason}` };
  return { index, word: `Init:${index}/${total}` };
}

function isStarted({ started, state }: ContainerStatus): boolean {
  return started === true && state?.terminated?.exitCode !== 0;
}

function wordOf({ state }: ContainerStatus): string | undefined {
  if (state?.waiting?.reason) return state.waiting.reason;
  if (state?.terminated) return state.terminated.reason || codeOf(state.terminated);
  return undefined;
}

function codeOf({ signal, exitCode }: { readonly signal?: number; readonly exitCode: number }): string {
  return signal ? `Signal:${signal}` : `ExitCode:${exitCode}`;
}

/** Times of the API compare as texts. */
function later(a: string, b: string | undefined): string {
  return b && b > a ? b : a;
}

function readinessGates({ spec, status }: Pod): string {
  const gates = spec.readinessGates ?? [];
  if (gates.length === 0) return '<none>';
  return `${gates.filter(({ conditionType }) => isTrue(status.conditions, conditionType)).length}/${gates.length}`;
}
