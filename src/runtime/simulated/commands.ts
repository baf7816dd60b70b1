// The commands that exec knows in a simulated container: enough to show that one is there. What it does not know ends as
// the container's health, or its script, says.
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import type { Clock } from '../../base/clock.ts';
import type { SimulatedContainer } from './container.ts';

export interface Terminal {
  readonly stdin?: Readable;
  readonly stdout?: Writable;
  readonly stderr?: Writable;
}

export interface Surroundings {
  readonly container: SimulatedContainer;
  readonly hostname: string;
  readonly clock: Clock;
}

type Command = (words: readonly string[], terminal: Terminal, around: Surroundings, signal: AbortSignal) => number | Promise<number>;

const commands: Readonly<Record<string, Command>> = {
  true: () => 0,
  false: () => 1,
  ':': () => 0,
  async echo(words, { stdout }) {
    await write(stdout, `${words.join(' ')}\n`);
    return 0;
  },
  async hostname(_, { stdout }, { hostname }) {
    await write(stdout, `${hostname}\n`);
    return 0;
  },
  async env(_, { stdout }, around) {
    await write(stdout, around.container.spec.env.map(({ name, value }) => `${name}=${value}\n`).join(''));
    return 0;
  },
  async sleep([seconds], _, { clock }, signal) {
    await clock.sleep(Number(seconds) * 1000 || 0, signal);
    return 0;
  },
  async cat(words, terminal, around) {
    if (words.length > 0) return unknown(around, words.join(' '), terminal);
    for await (const chunk of terminal.stdin ?? []) await write(terminal.stdout, chunk as Buffer);
    return 0;
  },
};

/** Resolves with the exit code. */
export async function runCommand(words: readonly string[], terminal: Terminal, around: Surroundings, signal: AbortSignal): Promise<number> {
  const name = words[0]?.split('/').at(-1) ?? '';
  if ((name === 'sh' || name === 'bash') && words[1] === '-c') return runScript(words[2] ?? '', terminal, around, signal);
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  return command ? command(words.slice(1), terminal, around, signal) : unknown(around, words.join(' '), terminal);
}

/** Commands one after the other; `exit` ends them. No variables, no pipes, no redirection but to standard error. */
async function runScript(text: string, terminal: Terminal, around: Surroundings, signal: AbortSignal): Promise<number> {
  let code = 0;
  for (const part of text.split(';')) {
    for (const one of part.split('&&')) {
      const toError = />&2\s*$/.test(one);
      const words = (one.replace(/>&2\s*$/, '').match(/"[^"]*"|'[^']*'|\S+/g) ?? []).map((word) => word.replace(/^(["'])(.*)\1$/s, '$2'));
      if (words.length === 0) continue;
      if (words[0] === 'exit') return Number(words[1] ?? code) & 255;
      code = await runCommand(words, toError ? { ...terminal, stdout: terminal.stderr } : terminal, around, signal);
      if (code !== 0) break;
    }
  }
  return code;
}

async function unknown({ container }: Surroundings, text: string, { stdout, stderr }: Terminal): Promise<number> {
  const { exec } = container.script;
  const code = exec ?? (container.health === 'well' ? 0 : 1);
  await write(code === 0 ? stdout : stderr, `simulated: ${text}\n`);
  return code;
}

async function write(to: Writable | undefined, text: string | Buffer): Promise<void> {
  if (to && text.length > 0 && !to.write(text)) await once(to, 'drain');
}
