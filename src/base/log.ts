// One line per event: time, level, who, what, and fields as key=value.
import { formatMicroTime, type Clock } from './clock.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type LogFields = Record<string, unknown>;

export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** The same log under a longer name: `node` → `node/pod-worker`. */
  named(name: string): Log;
}

const levels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

export function createLog(options: { clock: Clock; level: LogLevel; write: (line: string) => void; name?: string }): Log {
  const lowest = levels.indexOf(options.level);
  const at = (level: LogLevel) =>
    levels.indexOf(level) < lowest
      ? () => {}
      : (message: string, fields: LogFields = {}) => {
          const who = options.name ? ` ${options.name}:` : '';
          const rest = Object.entries(fields).map(([key, value]) => ` ${key}=${render(value)}`).join('');
          options.write(`${formatMicroTime(options.clock.wallMs()).slice(0, 23)}Z ${level.padEnd(5)}${who} ${message}${rest}`);
        };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    named: (name) => createLog({ ...options, name: options.name ? `${options.name}/${name}` : name }),
  };
}

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {}, named: () => silentLog };

function render(value: unknown): string {
  if (value instanceof Error) return JSON.stringify(describe(value));
  if (typeof value === 'string') return /^[\w./:@-]+$/.test(value) ? value : JSON.stringify(value);
  return JSON.stringify(value) ?? 'undefined';
}

/** An error's message with those of its causes: `bind: conflict: …`. */
export function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}: ${describe(error.cause)}`;
}
