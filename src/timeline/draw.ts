// Draws a Pod's timeline for a terminal: its lanes above, its steps below. Pure: the same timeline in the same width gives the
// same lines.
import { createColors } from 'picocolors';
import { spanText, stateOf, timeOf, type PodTimeline } from '../api/kinds/pod-timeline.ts';
import { formatTime } from '../base/clock.ts';
import { scaleOf, type Scale } from './scale.ts';
import { pictureOf, type Lane, type MarkType, type Phase, type Picture } from './spans.ts';
import { wordsOf } from './words.ts';

export interface DrawOptions {
  readonly columns: number;
  readonly colours: boolean;
  /** Only ASCII. */
  readonly ascii: boolean;
  readonly nowMs: number;
  /** The newest so many steps are told. Default: 200. */
  readonly mostSteps?: number;
}

const phases: readonly (readonly [Phase, utf8: string, ascii: string, colour: 'gray' | 'blue' | 'yellow' | 'cyan' | 'green' | 'magenta', words: string])[] = [
  ['waiting', '·', '.', 'gray', 'waiting'],
  ['pulling', '↓', 'v', 'blue', 'pulling'],
  ['starting', '░', ':', 'yellow', 'starting'],
  ['running', '▒', '-', 'cyan', 'running'],
  ['ready', '█', '#', 'green', 'ready'],
  ['hook', '≈', '~', 'yellow', 'hook'],
  ['ending', '╱', '/', 'magenta', 'ending'],
  ['back-off', '┄', '_', 'gray', 'back-off'],
];
const marks: readonly (readonly [MarkType, utf8: string, ascii: string, colour: 'green' | 'red' | 'yellow', words: string])[] = [
  ['done', '✓', 'o', 'green', 'ended with 0'],
  ['failed', '✗', 'x', 'red', 'failed'],
  ['killed', '†', 'K', 'red', 'killed'],
  ['probe', '!', '!', 'yellow', 'probe failed'],
];
type Cell = { readonly text: string; readonly paint: (text: string) => string };
const nothing: Cell = { text: ' ', paint: (text) => text };
/** Below it there is no room for lanes. */
const fewestLaneColumns = 16;
const tickEvery = 12;


export function drawTimeline(timeline: PodTimeline, options: DrawOptions): string[] {
  const { columns, nowMs } = options;
  const pen = penOf(options);
  const picture = pictureOf(timeline, nowMs);
  const names = picture.lanes.map(titleOf);
  const nameColumns = Math.min(Math.max(...names.map(({ length }) => length)), Math.max(8, Math.floor(columns / 4)));
  const laneColumns = columns - nameColumns - 3;
  const lines = head(timeline, picture, pen);
  if (laneColumns >= fewestLaneColumns && picture.toMs > picture.fromMs) {
    const scale = scaleOf([picture.fromMs, picture.toMs, ...timeline.steps.map(timeOf)].filter((ms) => ms <= picture.toMs), laneColumns);
    const margin = ' '.repeat(nameColumns + 2);
    lines.push('', ...axis(scale, picture.fromMs, pen).map((line) => margin + line));
    for (const [index, lane] of picture.lanes.entries()) {
      const cells = cellsOf(lane, scale, pen);
      if (!picture.isOver && cells.at(-2) !== nothing && cells.at(-1) === nothing) cells[cells.length - 1] = { text: pen.ascii ? '>' : '›', paint: pen.dim };
      lines.push(`${pen.bold(fit(names[index]!, nameColumns, pen).padEnd(nameColumns))}  ${paint(cells)}`.trimEnd());
    }
    lines.push('', ...wrapped(legend(picture, pen), columns));
  }
  lines.push('', ...steps(timeline, nameColumns, options, pen));
  return lines;
}

// --- the lines ---

function head(timeline: PodTimeline, { fromMs, toMs, isOver }: Picture, pen: Pen): string[] {
  const { metadata, nodeName, incomplete, droppedSteps } = timeline;
  const at = (type: string) => timeline.steps.find((step) => step.type === type && step.container === undefined);
  const ready = at('Ready');
  const told = at('EndAsked') ?? at('EndBegan');
  const facts = [
    `created ${formatTime(fromMs).replace('T', ' ').replace('Z', '')} UTC`,
    ...(ready ? [`ready after ${spanText(timeOf(ready) - fromMs)}`] : []),
    ...(told ? [`told to end at ${spanText(timeOf(told) - fromMs)}`] : []),
    isOver ? `over after ${spanText(toMs - fromMs)}` : `${spanText(toMs - fromMs)} old`,
  ];
  const where = `in ${metadata.namespace}${nodeName === undefined ? '' : ` on ${nodeName}`}`;
  const lines = [`${pen.bold(metadata.name)} ${where}  ${pen.bold(stateOf(timeline))}`, ...wrapped(facts.map((text) => ({ text, paint: pen.dim })), pen.columns, pen.ascii ? ' - ' : ' · ')];
  if (incomplete) lines.push(pen.yellow(`incomplete: ${incomplete}`));
  if (droppedSteps) lines.push(pen.yellow(`${droppedSteps} steps in the middle were too many to be kept`));
  return lines;
}

function axis(scale: Scale, fromMs: number, pen: Pen): string[] {
  const count = Math.max(1, Math.floor(scale.columns / tickEvery));
  let labels = '';
  let ticks = '';
  for (let index = 0; index <= count; index++) {
    const column = Math.round((index * scale.columns) / count);
    const label = spanText(scale.timeAt(column) - fromMs);
    const start = index === count ? Math.max(column - label.length + 1, 0) : column;
    if (start > labels.length || start === 0) labels = labels.padEnd(start) + label;
    ticks = ticks.padEnd(column) + (pen.ascii ? '|' : '╷');
  }
  return [pen.dim(labels), pen.dim(ticks)];
}

function legend({ lanes }: Picture, pen: Pen): Cell[] {
  const used = new Set(lanes.flatMap((lane) => lane.spans.map(({ phase }) => phase as string)));
  const marked = new Set(lanes.flatMap((lane) => lane.marks.map(({ type }) => type as string)));
  const cells: Cell[] = [];
  for (const [phase, , , , words] of phases) if (used.has(phase)) cells.push({ text: `${pen.phase(phase).text} ${words}`, paint: pen.phase(phase).paint });
  for (const [type, , , , words] of marks) if (marked.has(type)) cells.push({ text: `${pen.mark(type)!.text} ${words}`, paint: pen.mark(type)!.paint });
  return [...cells, { text: '(quiet times are drawn short)', paint: pen.dim }];
}

function steps({ steps: all }: PodTimeline, nameColumns: number, { columns, mostSteps = 200 }: DrawOptions, pen: Pen): string[] {
  const fromMs = all[0] ? timeOf(all[0]) : 0;
  const shown = mostSteps > 0 ? all.slice(-mostSteps) : [];
  const left = all.length - shown.length;
  const lines = left > 0 ? [pen.dim(`  ${left} earlier steps are not shown`)] : [];
  for (const [index, step] of shown.entries()) {
    const sinceMs = timeOf(step) - fromMs;
    const sign = sinceMs < 0 ? '-' : '+';
    const when = `${sign}${exactText(Math.abs(sinceMs))}`.padStart(11);
    const who = fit(step.container ?? 'pod', nameColumns, pen).padEnd(nameColumns);
    const room = columns - when.length - nameColumns - 4;
    const text = fit(wordsOf(step, all.slice(0, left + index)), Math.max(room, 12), pen);
    lines.push(`${pen.dim(when)}  ${step.container === undefined ? pen.bold(who) : who}  ${pen.step(step.type, step.exitCode)(text)}`.trimEnd());
  }
  return lines;
}

// --- the cells of a lane ---

function cellsOf({ spans, marks: happened }: Lane, scale: Scale, pen: Pen): Cell[] {
  const cells = Array.from({ length: scale.columns + 1 }, () => nothing);
  const owners: (number | undefined)[] = Array.from({ length: scale.columns });
  const places = spans.map(({ fromMs, toMs }) => [scale.columnOf(fromMs), scale.columnOf(toMs)] as const);
  for (let column = 0; column < scale.columns; column++) {
    let widest = 0;
    for (const [index, [from, to]] of places.entries()) {
      const covered = Math.min(to, column + 1) - Math.max(from, column);
      if (covered <= widest) continue;
      widest = covered;
      owners[column] = index;
    }
  }
  // What is too short to be the most of any column takes one from a neighbour that has several.
  for (const [index, [from]] of places.entries()) {
    if (owners.includes(index)) continue;
    const column = Math.min(Math.floor(from), scale.columns - 1);
    const owner = owners[column];
    if (owner === undefined || owners.filter((other) => other === owner).length > 1) owners[column] = index;
  }
  for (const [column, owner] of owners.entries()) if (owner !== undefined) cells[column] = pen.phase(spans[owner]!.phase);
  const taken = new Set<number>();
  for (const { atMs, type } of happened) {
    const cell = pen.mark(type);
    if (!cell) continue;
    let column = Math.min(Math.floor(scale.columnOf(atMs)), scale.columns);
    while (taken.has(column) && column < scale.columns) column++;
    if (taken.has(column)) continue;
    taken.add(column);
    cells[column] = cell;
  }
  return cells;
}

/** Neighbours of one colour are painted together. */
function paint(cells: readonly Cell[]): string {
  let text = '';
  for (let at = 0; at < cells.length; ) {
    const { paint: colour } = cells[at]!;
    let run = '';
    while (at < cells.length && cells[at]!.paint === colour) run += cells[at++]!.text;
    text += colour(run);
  }
  return text;
}

// --- the pen ---

interface Pen {
  readonly ascii: boolean;
  readonly columns: number;
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly yellow: (text: string) => string;
  phase(phase: Phase): Cell;
  mark(type: MarkType): Cell | undefined;
  step(type: string, exitCode: number | undefined): (text: string) => string;
}

const good: ReadonlySet<string> = new Set(['Ready', 'ContainerReady', 'StartupPassed']);
const bad: ReadonlySet<string> = new Set(['Killed', 'Evicted', 'SandboxFailed', 'PullFailed', 'StartFailed', 'HookFailed', 'HookAbandoned', 'Warning']);
const doubtful: ReadonlySet<string> = new Set(['ProbeFailed', 'BackOff', 'Unready', 'ContainerUnready', 'Killing']);
const closing: ReadonlySet<string> = new Set(['EndAsked', 'EndBegan', 'Signalled', 'GraceShortened']);

function penOf({ ascii, colours, columns }: DrawOptions): Pen {
  const c = createColors(colours);
  const phaseCells = new Map(phases.map(([phase, utf8, plain, colour]) => [phase, { text: ascii ? plain : utf8, paint: c[colour] }]));
  const markCells = new Map(marks.map(([type, utf8, plain, colour]) => [type, { text: ascii ? plain : utf8, paint: (text: string) => c.bold(c[colour](text)) }]));
  return {
    ascii,
    columns,
    bold: c.bold,
    dim: c.dim,
    yellow: c.yellow,
    phase: (phase) => phaseCells.get(phase)!,
    mark: (type) => markCells.get(type),
    step(type, exitCode) {
      if (good.has(type)) return c.green;
      if (bad.has(type) || (type === 'Exited' && exitCode !== 0)) return c.red;
      if (doubtful.has(type)) return c.yellow;
      return closing.has(type) ? c.magenta : (text) => text;
    },
  };
}

function titleOf({ name, role }: Lane): string {
  switch (role) {
    case 'init':
      return `${name} (init)`;
    case 'sidecar':
      return `${name} (sidecar)`;
    case 'ephemeral':
      return `${name} (debug)`;
    case 'pod':
    case 'app':
      return name;
  }
}

/** To the millisecond, as long as that can matter. */
function exactText(ms: number): string {
  const seconds = (ms % 60_000) / 1000;
  if (ms < 60_000) return `${seconds.toFixed(3)}s`;
  const [hours, minutes] = [Math.floor(ms / 3_600_000), Math.floor(ms / 60_000) % 60];
  return hours === 0 ? `${minutes}m${seconds.toFixed(3).padStart(6, '0')}s` : `${hours}h${String(minutes).padStart(2, '0')}m${String(Math.floor(seconds)).padStart(2, '0')}s`;
}

function fit(text: string, columns: number, { ascii }: Pen): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length <= columns ? line : `${line.slice(0, Math.max(0, columns - (ascii ? 2 : 1)))}${ascii ? '..' : '…'}`;
}

/** Whole cells, as many on a line as there is room for. */
function wrapped(cells: readonly Cell[], columns: number, joint = '  '): string[] {
  const lines: { width: number; texts: string[] }[] = [];
  for (const { text, paint: colour } of cells) {
    const last = lines.at(-1);
    if (last && last.width + joint.length + text.length <= columns) {
      last.texts.push(colour(text));
      last.width += joint.length + text.length;
    } else lines.push({ width: text.length, texts: [colour(text)] });
  }
  return lines.map(({ texts }) => texts.join(joint));
}
