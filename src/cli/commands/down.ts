// `peapod down`: ends every container, removes what the cluster put on the machine, and with --purge its data.
import { existsSync, rmSync } from 'node:fs';
import { systemClock } from '../../base/clock.ts';
import { layoutOf } from '../../cluster/layout.ts';
import { runningInstance } from '../../cluster/instance.ts';
import { readSettings } from '../../cluster/settings.ts';
import { tearDown } from '../../cluster/tear-down.ts';
import { UserError } from '../../cluster/user-error.ts';
import { commandFor, startSteps } from '../output.ts';

const stopWithinMs = 30_000;

export async function runDown(flags: { dataDir: string; purge?: boolean }): Promise<void> {
  const layout = layoutOf(flags.dataDir);
  const steps = startSteps();
  const signal = new AbortController().signal;
  const running = runningInstance(layout.instance);
  if (running) {
    process.kill(running.pid, 'SIGTERM');
    const deadlineMs = systemClock.monotonicMs() + stopWithinMs;
    while (runningInstance(layout.instance)?.pid === running.pid) {
      if (systemClock.monotonicMs() > deadlineMs) throw new UserError(`process ${running.pid} does not stop`, `kill -9 ${running.pid}, then: ${commandFor(flags.dataDir, 'down')}`);
      await systemClock.sleep(20, signal);
    }
    steps.done('stopped', `process ${running.pid}`);
  }
  if (existsSync(layout.settings)) {
    const settings = readSettings(layout.settings);
    await tearDown(layout, signal);
    steps.done('containers and network gone');
    if (settings?.joined) steps.note(`The cluster at ${settings.joined.server} still knows the node, and moves its Pods when their time is over; there: kubectl delete node ${settings.nodeName}`);
  } else if (!running) {
    steps.note(`there is no cluster in ${flags.dataDir}`);
  }
  if (flags.purge) {
    rmSync(flags.dataDir, { recursive: true, force: true });
    steps.done('data deleted', flags.dataDir);
  }
}
