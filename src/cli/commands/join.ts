// `peapod join`: this machine as a node of a cluster elsewhere, as long as this process lives, or one in the background does.
import { line, startSteps } from '../output.ts';
import { layoutOf } from '../../cluster/layout.ts';
import { joinCluster, type JoinOptions } from '../../cluster/join-cluster.ts';
import { readSettings } from '../../cluster/settings.ts';
import { installMissing } from '../install.ts';
import { isInBackground, stayWith } from './staying.ts';
import { needsForContainers, refuseSecond } from './up.ts';

export interface JoinFlags extends Omit<JoinOptions, 'server' | 'onProgress'> {
  readonly detach?: boolean;
}

export async function runJoin(server: string, flags: JoinFlags): Promise<void> {
  const steps = startSteps();
  needsForContainers();
  refuseSecond(flags.dataDir);
  const { runtime, runtimeEndpoint } = { ...flags, ...readSettings(layoutOf(flags.dataDir).settings) };
  if (!isInBackground()) await installMissing(runtime === 'docker' ? 'docker' : runtimeEndpoint === undefined ? 'own' : 'given', steps);
  return stayWith({
    dataDir: flags.dataDir,
    detach: flags.detach,
    what: 'node',
    endsPods: Boolean(flags.shutdownGracePeriod || flags.shutdownGracePeriodByPodPriority),
    start: (onProgress) => joinCluster({ ...flags, server, onProgress }),
    howToUse: () => line(`\n  Its log is ${layoutOf(flags.dataDir).log}; \`peapod status --data-dir ${flags.dataDir}\` tells how it is.\n`),
  }, steps);
}
