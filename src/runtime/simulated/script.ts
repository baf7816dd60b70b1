// What a simulated container does, written as `run=5s,exit=3,ignore-term`; pure. A word left out takes its default: a
// container that runs until it is told to end, ends then at once with 0, and is well from its start.

export interface Script {
  /** Ends by itself after so long; undefined: never. */
  readonly runMs: number | undefined;
  /** With what it ends by itself. */
  readonly exit: number;
  readonly ignoreTerm: boolean;
  /** From SIGTERM to its end. */
  readonly endAfterMs: number;
  /** With what it ends after SIGTERM. */
  readonly endExit: number;
  /** The kernel kills it for want of memory after so long, whatever its limit. */
  readonly oomAfterMs: number | undefined;
  readonly memoryBytes: number;
  /** How much it grows in a second; beyond its limit the kernel kills it. */
  readonly growBytes: number;
  readonly milliCpu: number;
  /** Only where images are described: how long a pull takes, or that it fails. */
  readonly pull: number | 'fail';
  /** The command is not there. */
  readonly startFails: boolean;
  /** Until then it refuses connections, and commands that ask for its health fail. */
  readonly readyAfterMs: number;
  /** From then on it answers that it is not well. */
  readonly illAfterMs: number;
  /** With what commands end that it does not know; undefined: as its health is. */
  readonly exec: number | undefined;
  /** A line that it writes at its start, and every `logEveryMs`. */
  readonly log: string;
  readonly logEveryMs: number | undefined;
  /** Its termination message. */
  readonly message: string;
  /** So many starts go by the script; those after them run as one without. */
  readonly times: number;
}

export const plainScript: Script = Object.freeze({
  runMs: undefined, exit: 0, ignoreTerm: false, endAfterMs: 0, endExit: 0, oomAfterMs: undefined, memoryBytes: 8 * 2 ** 20, growBytes: 0, milliCpu: 1, pull: 0, startFails: false,
  readyAfterMs: 0, illAfterMs: Infinity, exec: undefined, log: '', logEveryMs: undefined, message: '', times: Infinity,
});

/** A script that makes no sense; the message begins with the path of the field. */
export class ScriptError extends Error {
  override readonly name = 'ScriptError';
  readonly path: string;
  readonly problem: string;
  constructor(path: string, problem: string) {
    super(`${path}: ${problem}`);
    this.path = path;
    this.problem = problem;
  }
}

type Read = (value: string, refuse: (what: string) => never) => Partial<Script>;

const fields: Readonly<Record<string, Read>> = {
  run: (value, refuse) => ({ runMs: duration(value, refuse) }),
  exit: (value, refuse) => ({ exit: exitCode(value, refuse) }),
  'ignore-term': (value, refuse) => ({ ignoreTerm: value === '' ? true : refuse('takes no value') }),
  'end-after': (value, refuse) => ({ endAfterMs: duration(value, refuse) }),
  'end-exit': (value, refuse) => ({ endExit: exitCode(value, refuse) }),
  'oom-after': (value, refuse) => ({ oomAfterMs: duration(value, refuse) }),
  memory: (value, refuse) => ({ memoryBytes: bytes(value, refuse) }),
  grow: (value, refuse) => ({ growBytes: value.endsWith('/s') ? bytes(value.slice(0, -2), refuse) : refuse('must be an amount of memory in a second, such as 5Mi/s') }),
  cpu: (value, refuse) => ({ milliCpu: /^\d+(\.\d+)?$/.test(value) ? Number(value) * 1000 : /^\d+m$/.test(value) ? Number(value.slice(0, -1)) : refuse('must be an amount of CPU, such as 250m') }),
  pull: (value, refuse) => ({ pull: value === 'fail' ? 'fail' : duration(value, (what) => refuse(`must be fail, or ${what.replace(/^must be /, '')}`)) }),
  start: (value, refuse) => ({ startFails: value === 'fail' ? true : refuse('must be fail') }),
  'ready-after': (value, refuse) => ({ readyAfterMs: duration(value, refuse) }),
  'ill-after': (value, refuse) => ({ illAfterMs: duration(value, refuse) }),
  exec: (value, refuse) => ({ exec: exitCode(value, refuse) }),
  log: (value) => ({ log: value }),
  'log-every': (value, refuse) => ({ logEveryMs: duration(value, refuse) || refuse('must be longer than 0s') }),
  message: (value) => ({ message: value }),
  times: (value, refuse) => ({ times: /^[1-9]\d{0,5}$/.test(value) ? Number(value) : refuse('must be a number of starts, at least 1') }),
};

/** Fields that only what describes an image may set: the runtime pulls for no Pod in particular. */
const imageFields: ReadonlySet<string> = new Set(['pull']);

/** `path` is the field that holds the text, for the error. Throws ScriptError. */
export function parseScript(text: string, path: string, of: 'image' | 'container'): Script {
  return readFields(text.split(',').map((part) => part.trim()).filter(Boolean).map((part): [string, string] => {
    const sign = part.indexOf('=');
    return sign < 0 ? [part, ''] : [part.slice(0, sign).trim(), part.slice(sign + 1).trim()];
  }), path, of);
}

/**
 * Images of this registry are described by their tag, so that a Pod needs nothing else:
 * `simulated.peapod.dev/job:run-5s_exit-3`, `simulated.peapod.dev/away:pull-fail`.
 */
export const simulatedRegistry = 'simulated.peapod.dev/';
/** On a Pod: `simulated.peapod.dev/CONTAINER: run=5s,exit=3`. */
export const scriptAnnotation = 'simulated.peapod.dev/';

/** The script in an image's tag; undefined when it is not of that registry, or has none. Throws ScriptError. */
export function scriptOfImage(image: string, path: string): Script | undefined {
  if (!image.startsWith(simulatedRegistry)) return undefined;
  const tag = /:([\w.-]+)(@|$)/.exec(image)?.[1];
  if (tag === undefined || tag === 'latest') return undefined;
  const names = Object.keys(fields).sort((a, b) => b.length - a.length);
  return readFields(tag.split('_').map((part): [string, string] => {
    const name = names.find((one) => part === one || part.startsWith(`${one}-`));
    return name === undefined ? [part, ''] : [name, part.slice(name.length + 1)];
  }), path, 'image');
}

function readFields(parts: readonly (readonly [string, string])[], path: string, of: 'image' | 'container'): Script {
  const script: Record<string, unknown> = { ...plainScript };
  const seen = new Set<string>();
  for (const [name, value] of parts) {
    const read = Object.hasOwn(fields, name) ? fields[name] : undefined;
    const refuse = (what: string): never => {
      throw new ScriptError(`${path}.${name}`, `Invalid value: ${JSON.stringify(value)}: ${what}`);
    };
    if (!read) throw new ScriptError(path, `Unsupported value: ${JSON.stringify(name)}: supported values: ${Object.keys(fields).map((one) => JSON.stringify(one)).join(', ')}`);
    if (seen.has(name)) throw new ScriptError(`${path}.${name}`, 'Duplicate value: it is there twice');
    if (of === 'container' && imageFields.has(name)) throw new ScriptError(`${path}.${name}`, `Forbidden: images are pulled for no container in particular: use an image such as ${simulatedRegistry}app:pull-fail`);
    seen.add(name);
    Object.assign(script, read(value, refuse));
  }
  const clash = (name: string, other: string) => {
    if (seen.has(name) && seen.has(other)) throw new ScriptError(`${path}.${name}`, `Forbidden: may not be set together with ${other}`);
  };
  clash('ignore-term', 'end-after');
  clash('ignore-term', 'end-exit');
  if (seen.has('exit') && !seen.has('run')) throw new ScriptError(`${path}.exit`, 'Forbidden: may only be set with run: without it the container never ends by itself');
  return Object.freeze(script) as unknown as Script;
}

const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** As Go writes them: 1m30s, 250ms, 1.5s. */
function duration(value: string, refuse: (what: string) => never): number {
  if (value === '0') return 0;
  if (!/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(value)) return refuse('must be a duration, such as 5s or 1m30s');
  let sum = 0;
  for (const [, amount, unit] of value.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)) sum += Number(amount) * units[unit!]!;
  return sum;
}

const multiples: Readonly<Record<string, number>> = { '': 1, k: 1e3, K: 1e3, M: 1e6, G: 1e9, Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30 };

function bytes(value: string, refuse: (what: string) => never): number {
  const [, amount, unit = ''] = /^(\d+(?:\.\d+)?)(k|K|M|G|Ki|Mi|Gi)?$/.exec(value) ?? [];
  return amount === undefined ? refuse('must be an amount of memory, such as 64Mi') : Math.round(Number(amount) * multiples[unit]!);
}

function exitCode(value: string, refuse: (what: string) => never): number {
  return /^\d{1,3}$/.test(value) && Number(value) <= 255 ? Number(value) : refuse('must be an exit code from 0 to 255');
}
