// exec and attach over channels of any protocol: hands them to the node, and words the outcome as a Status.
import type { Readable, Writable } from 'node:stream';
import { isSet } from '../../api/connect-options.ts';
import { ApiError } from '../../api/error.ts';
import type { StreamSet } from '../../api/node-service.ts';
import type { Status } from '../../api/types.ts';
import type { StreamTarget } from './streams.ts';

/** Which streams the client asked for. */
export interface CommandOptions {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly tty: boolean;
}

export interface CommandChannels {
  readonly stdin?: Readable;
  readonly stdout?: Writable;
  readonly stderr?: Writable;
  /** Terminal sizes as JSON objects, one after another. */
  readonly resize?: Readable;
  /** Tells the client how it ended. */
  readonly error: Writable;
  /** `status`: JSON, from v4 on; `text`: only a failure's message. */
  readonly errorFormat: 'status' | 'text';
  /** Aborted when the client has left. */
  readonly gone: AbortSignal;
}

/** Throws ApiError BadRequest. */
export function commandOptions({ kind, query }: StreamTarget): CommandOptions {
  const flag = (name: string) => isSet(query.get(name));
  const tty = flag('tty');
  const options = { stdin: flag('stdin'), stdout: flag('stdout'), stderr: flag('stderr') && !tty, tty };
  if (!options.stdin && !options.stdout && !options.stderr) throw ApiError.badRequest('you must specify at least 1 of stdin, stdout, stderr');
  if (kind === 'exec' && !query.getAll('command').some((word) => word !== '')) throw ApiError.badRequest('you must specify at least one command for exec');
  return options;
}

/** Runs the command or joins the container; resolves when the outcome has been written to the error channel. */
export async function serveCommand(target: StreamTarget, options: CommandOptions, channels: CommandChannels, signal: AbortSignal): Promise<void> {
  const { stdin, stdout, stderr, resize, gone } = channels;
  const streams: StreamSet = { stdin, stdout, stderr, tty: options.tty, resize: resize && terminalSizes(resize) };
  const either = AbortSignal.any([signal, gone]);
  let status: Status;
  try {
    status = exitStatus(await run(target, streams, either));
  } catch (error) {
    status = failure(target, signal.aborted ? ApiError.unavailable('the server is shutting down') : error);
  }
  if (gone.aborted) return;
  await Promise.all([stdout && ended(stdout), stderr && ended(stderr)]);
  const text = channels.errorFormat === 'status' ? JSON.stringify(status) : status.status === 'Success' ? '' : (status.message ?? '');
  await ended(channels.error, text);
}

async function run({ kind, pod, container = '', service, query }: StreamTarget, streams: StreamSet, signal: AbortSignal): Promise<number> {
  try {
    service.checkRunning(pod, container);
  } catch (error) {
    throw new Error(`unable to upgrade connection: ${(error as Error).message}`, { cause: error });
  }
  if (kind === 'exec') return service.exec(pod, container, query.getAll('command'), streams, signal);
  return service.attach(pod, container, streams, signal).then(() => 0);
}

function exitStatus(code: number): Status {
  if (code === 0) return { metadata: {}, status: 'Success' };
  return {
    metadata: {},
    status: 'Failure',
    message: `command terminated with non-zero exit code: exit status ${code}`,
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: String(code) }] },
  };
}

function failure({ kind }: StreamTarget, error: unknown): Status {
  if (error instanceof ApiError) return error.toStatus();
  if (error instanceof Error && error.cause instanceof ApiError) return ApiError.of(new Error(error.message, { cause: error })).toStatus();
  const doing = kind === 'exec' ? 'error executing command in container' : 'error attaching to container';
  return ApiError.of(new Error(`${doing}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })).toStatus();
}

/** Sizes are small; a run of this length without one is garbage, and dropped. */
const mostSizeText = 4096;

/** Ends, and never throws, when the connection does. */
async function* terminalSizes(resize: Readable): AsyncGenerator<{ width: number; height: number }> {
  let text = '';
  try {
    for await (const chunk of resize as AsyncIterable<Buffer>) {
      text += chunk.toString();
      for (let match = /\{[^{}]*\}/.exec(text); match; match = /\{[^{}]*\}/.exec(text)) {
        text = text.slice(match.index + match[0].length);
        const size = parseSize(match[0]);
        if (size) yield size;
      }
      if (text.length > mostSizeText) text = '';
    }
  } catch {
    // A lost connection is told to the command by its signal.
  }
}

function parseSize(json: string): { width: number; height: number } | undefined {
  try {
    const { Width, Height } = JSON.parse(json) as { Width?: unknown; Height?: unknown };
    return isSize(Width) && isSize(Height) ? { width: Width, height: Height } : undefined;
  } catch {
    return undefined;
  }
}

function isSize(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) > 0 && (value as number) < 65_536;
}

/** Resolves when all is written, or cannot be. */
function ended(stream: Writable, last = ''): Promise<void> {
  return new Promise((resolve) => {
    if (stream.destroyed || stream.writableFinished) return resolve();
    stream.once('finish', resolve).once('close', resolve);
    if (!stream.writableEnded) stream.end(last);
  });
}
