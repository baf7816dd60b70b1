// Docker Engine's API over its unix socket: answers as JSON, answers that go on, and connections that become plain
// streams. Every failure is a RuntimeError in the engine's own words.
import { Agent, request, type ClientRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import type { Duplex, Readable } from 'node:stream';
import { RuntimeError, type RuntimeErrorCode } from '../runtime.ts';

export interface DockerConnection {
  /** Resolves with the parsed answer; undefined when there is none. */
  call<Answer = undefined>(method: 'GET' | 'POST' | 'DELETE', path: string, body: object | undefined, signal: AbortSignal): Promise<Answer>;
  /** As `call`, for an answer that is read as it comes. */
  stream(method: 'GET' | 'POST', path: string, options: StreamOptions, signal: AbortSignal): Promise<IncomingMessage>;
  /** A POST whose connection then carries the streams of a process. */
  hijack(path: string, body: object, signal: AbortSignal): Promise<Duplex>;
  close(): void;
}

export interface StreamOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Readable;
}

/** 20.10: the first that has all that is asked of it here. */
const leastVersion = [1, 41] as const;

export interface EngineVersion {
  readonly Version: string;
  readonly ApiVersion: string;
  readonly MinAPIVersion?: string;
}

/** Agrees with the engine on a version of the API; throws RuntimeError `unavailable` when it cannot be reached. */
export async function connectDocker(socketPath: string, signal: AbortSignal): Promise<DockerConnection> {
  const plain = connection(socketPath, '');
  try {
    const { ApiVersion: newest, MinAPIVersion: oldest = '1.0', Version: version } = await plain.call<EngineVersion>('GET', '/version', undefined, signal);
    if (isOlder(newest, leastVersion)) throw new RuntimeError('failed', `Docker ${version} is too old: its API is ${newest}, and ${leastVersion.join('.')} is needed`);
    return connection(socketPath, `/v${isOlder(oldest, leastVersion) ? leastVersion.join('.') : oldest}`);
  } finally {
    plain.close();
  }
}

function isOlder(version: string, [leastMajor, leastMinor]: readonly [number, number]): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major < leastMajor || (major === leastMajor && minor < leastMinor);
}

function connection(socketPath: string, prefix: string): DockerConnection {
  const agent = new Agent({ keepAlive: true });
  const open = (method: string, path: string, options: RequestOptions, signal: AbortSignal) => request({ agent, ...options, socketPath, method, path: prefix + path, signal });

  return {
    async call<Answer>(method: string, path: string, body: object | undefined, signal: AbortSignal): Promise<Answer> {
      const content = body && Buffer.from(JSON.stringify(body));
      const headers = content ? { 'Content-Type': 'application/json', 'Content-Length': content.length } : { 'Content-Length': 0 };
      const asking = open(method, path, { headers }, signal);
      asking.end(content);
      const answer = await answered(asking, socketPath, signal);
      const text = await readText(answer, signal);
      if (isFailure(answer)) throw failure(answer.statusCode!, text);
      return (text === '' ? undefined : JSON.parse(text)) as Answer;
    },
    async stream(method, path, { headers = {}, body }, signal) {
      // A connection of its own: it stays busy for as long as the answer goes on.
      const asking = open(method, path, { headers, agent: false }, signal);
      if (body) body.on('error', (error) => asking.destroy(error)).pipe(asking);
      else asking.end();
      const answer = await answered(asking, socketPath, signal);
      if (isFailure(answer)) throw failure(answer.statusCode!, await readText(answer, signal));
      return answer;
    },
    async hijack(path, body, signal) {
      const content = Buffer.from(JSON.stringify(body));
      const headers = { Connection: 'Upgrade', Upgrade: 'tcp', 'Content-Type': 'application/json', 'Content-Length': content.length };
      const asking = open('POST', path, { headers, agent: false }, signal);
      const upgraded = new Promise<Duplex>((resolve) => asking.once('upgrade', (_answer, socket, head) => {
        if (head.length > 0) socket.unshift(head);
        resolve(socket);
      }));
      asking.end(content);
      const refused = answered(asking, socketPath, signal).then(async (answer): Promise<never> => {
        throw failure(answer.statusCode!, await readText(answer, signal));
      });
      return Promise.race([upgraded, refused]);
    },
    close: () => agent.destroy(),
  };
}

function answered(asking: ClientRequest, socketPath: string, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    asking.once('response', resolve);
    asking.on('error', (error: NodeJS.ErrnoException) => {
      const nobody = error.code === 'ENOENT' || error.code === 'ECONNREFUSED';
      reject(signal.aborted ? signal.reason : new RuntimeError('unavailable', nobody ? `nothing listens on ${socketPath}` : 'the connection to Docker was lost', { cause: error }));
    });
  });
}

async function readText(answer: IncomingMessage, signal: AbortSignal): Promise<string> {
  const parts: Buffer[] = [];
  try {
    for await (const part of answer) parts.push(part as Buffer);
  } catch (cause) {
    signal.throwIfAborted();
    throw new RuntimeError('unavailable', 'the connection to Docker was lost', { cause });
  }
  return Buffer.concat(parts).toString();
}

function isFailure({ statusCode = 0 }: IncomingMessage): boolean {
  return statusCode >= 400;
}

function failure(status: number, text: string): RuntimeError {
  return new RuntimeError(codeOf(status, text), messageOf(text));
}

function codeOf(status: number, text: string): RuntimeErrorCode {
  if (status === 404) return 'not-found';
  if (status === 409 && /is already in use|already exists/.test(text)) return 'already-exists';
  return status === 503 ? 'unavailable' : 'failed';
}

function messageOf(text: string): string {
  try {
    return (JSON.parse(text) as { message: string }).message;
  } catch {
    return text.trim() || 'Docker gave no reason';
  }
}

/** `?a=1&b=…`; objects as JSON, as filters are written. */
export function query(values: Readonly<Record<string, string | number | boolean | object | undefined>>): string {
  const parameters = Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [[name, typeof value === 'object' ? JSON.stringify(value) : String(value)]]));
  return parameters.length === 0 ? '' : `?${new URLSearchParams(parameters as [string, string][])}`;
}

/** For stopping and removing: what is absent counts as stopped and removed. */
export async function unlessGone<Answer>(work: Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof RuntimeError && error.code === 'not-found') return undefined;
    throw error;
  }
}
