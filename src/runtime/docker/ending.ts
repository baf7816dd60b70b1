// Ending and removing containers of the engine. What is absent counts as ended and removed.
import type { Clock } from '../../base/clock.ts';
import { RuntimeError } from '../runtime.ts';
import { query, unlessGone, type DockerConnection } from './connection.ts';
import type { InspectedContainer } from './messages.ts';

/**
 * The stop signal, and SIGKILL after `graceMs`. The engine's own stop counts whole seconds and goes on when it is
 * abandoned, so both are done from here. `signalled`: ids that have had their signal; a second stop only shortens.
 */
export async function stop(docker: DockerConnection, id: string, graceMs: number, signalled: Set<string>, clock: Clock, signal: AbortSignal): Promise<void> {
  if (graceMs <= 0) return end(docker, id, signal);
  const found = await unlessGone(docker.call<InspectedContainer>('GET', `/containers/${id}/json`, undefined, signal));
  if (!found?.State.Running) return;
  const left = new AbortController();
  const ended = untilEnded(docker, id, AbortSignal.any([signal, left.signal]));
  ended.catch(() => {});
  try {
    if (!signalled.has(id)) {
      await kill(docker, id, found.Config.StopSignal || 'SIGTERM', signal);
      signalled.add(id);
    }
    const inTime = await Promise.race([ended.then(() => true), clock.sleep(graceMs, AbortSignal.any([signal, left.signal])).then(() => false)]);
    if (inTime) return;
    await kill(docker, id, 'SIGKILL', signal);
    await ended;
  } finally {
    left.abort();
    signalled.delete(id);
  }
}

/** SIGKILL; resolves once the process has ended. */
export async function end(docker: DockerConnection, id: string, signal: AbortSignal): Promise<void> {
  await kill(docker, id, 'SIGKILL', signal);
  await untilEnded(docker, id, signal);
}

export async function remove(docker: DockerConnection, id: string, signal: AbortSignal): Promise<void> {
  try {
    await unlessGone(docker.call('DELETE', `/containers/${id}${query({ force: true, v: true })}`, undefined, signal));
  } catch (error) {
    if (!(error instanceof RuntimeError) || !/removal of container .* is already in progress/.test(error.message)) throw error;
    await unlessGone(docker.call('POST', `/containers/${id}/wait${query({ condition: 'removed' })}`, undefined, signal));
  }
}

async function untilEnded(docker: DockerConnection, id: string, signal: AbortSignal): Promise<void> {
  await unlessGone(docker.call('POST', `/containers/${id}/wait${query({ condition: 'not-running' })}`, undefined, signal));
}

async function kill(docker: DockerConnection, id: string, name: string, signal: AbortSignal): Promise<void> {
  try {
    await unlessGone(docker.call('POST', `/containers/${id}/kill${query({ signal: name })}`, undefined, signal));
  } catch (error) {
    // It has ended meanwhile, or never begun.
    if (!(error instanceof RuntimeError) || !/is not running/.test(error.message)) throw error;
  }
}
