// exec and attach over channels in messages.
import { channel, type Channels } from './channels.ts';
import { serveCommand, type CommandChannels, type CommandOptions } from './remote-command.ts';
import type { StreamTarget } from './streams.ts';

/** Resolves when the connection has been closed, or is about to be. */
export async function serveChannelCommand(channels: Channels, errorFormat: CommandChannels['errorFormat'], target: StreamTarget, options: CommandOptions, signal: AbortSignal): Promise<void> {
  const error = channels.writer(channel.error);
  const stdout = options.stdout ? channels.writer(channel.stdout) : undefined;
  const stderr = options.stderr ? channels.writer(channel.stderr) : undefined;
  // Clients wait for a first message, even an empty one, to know that the connection stands.
  (stdout ?? stderr ?? error).write(Buffer.alloc(0));
  await serveCommand(target, options, {
    stdin: options.stdin ? channels.reader(channel.stdin) : undefined,
    stdout,
    stderr,
    resize: options.tty ? channels.reader(channel.resize) : undefined,
    error,
    errorFormat,
    gone: channels.gone,
  }, signal);
  channels.end();
}
