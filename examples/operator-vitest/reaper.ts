// An operator: Pods that have ended are deleted after the time that they say themselves, with the annotation
// `reaper.example.com/after: SECONDS`. Its clock is given to it, so that a test can let hours pass.
import { CoreV1Api, KubeConfig, makeInformer, type V1Pod } from '@kubernetes/client-node';

const after = 'reaper.example.com/after';

export interface Clock {
  wallMs(): number;
  schedule(delayMs: number, run: () => void): Disposable;
}

export interface Reaper {
  stop(): Promise<void>;
}

export async function startReaper(config: KubeConfig, namespace: string, clock: Clock): Promise<Reaper> {
  const core = config.makeApiClient(CoreV1Api);
  const timers = new Map<string, Disposable>();
  let stopped = false;
  const informer = makeInformer(config, `/api/v1/namespaces/${namespace}/pods`, () => core.listNamespacedPod({ namespace }));

  const forget = ({ metadata }: V1Pod) => {
    timers.get(metadata!.uid!)?.[Symbol.dispose]();
    timers.delete(metadata!.uid!);
  };

  const seen = (pod: V1Pod) => {
    const { name, uid, annotations } = pod.metadata!;
    const seconds = Number(annotations?.[after]);
    const isOver = pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
    if (!isOver || Number.isNaN(seconds) || timers.has(uid!)) return;
    // A watch gives times as text, a list as Dates.
    const endedMs = Math.max(0, ...(pod.status?.containerStatuses ?? []).map(({ state }) => new Date(state?.terminated?.finishedAt ?? 0).getTime()));
    const reap = () => void core.deleteNamespacedPod({ namespace, name: name!, body: { preconditions: { uid } } }).catch(() => timers.delete(uid!));
    timers.set(uid!, clock.schedule(Math.max(0, endedMs + seconds * 1000 - clock.wallMs()), reap));
  };

  informer.on('add', seen);
  informer.on('update', seen);
  informer.on('delete', forget);
  informer.on('error', () => {
    if (!stopped) clock.schedule(1000, () => void informer.start().catch(() => {}));
  });
  await informer.start();
  return {
    async stop() {
      stopped = true;
      for (const timer of timers.values()) timer[Symbol.dispose]();
      await informer.stop();
    },
  };
}
