// podtimelines in peapod.dev: what this server has seen of Pods, together with what their nodes tell when they are asked.
import { ApiError } from '../api/error.ts';
import { podTimelines, stepOf, type PodTimeline, type TimelineMoment } from '../api/kinds/pod-timeline.ts';
import type { Kind } from '../api/kind.ts';
import type { NodeServices } from '../api/node-service.ts';
import { formatTime } from '../base/clock.ts';
import type { KnownPod, PodMoments } from './pod-moments.ts';
import type { Registry } from './registry/registry.ts';
import type { UnstoredKinds } from './unstored.ts';
import { Encoding } from './watch/item.ts';
import { selectionOf } from './watch/selection.ts';

/** How long a node may take to tell. */
const patienceMs = 5_000;

/** As a node's page gives it, by UID. */
type NodeAnswer = Readonly<Record<string, { readonly steps: readonly TimelineMoment[]; readonly dropped: number }>>;

export function podTimelineKinds(moments: PodMoments, nodes: NodeServices): UnstoredKinds {
  const kind = podTimelines as unknown as Kind;

  async function ask(registry: Registry, node: string, uids?: readonly string[]): Promise<NodeAnswer | undefined> {
    const giveUp = new AbortController();
    using _timer = registry.clock.schedule(patienceMs, () => giveUp.abort(new Error('the node did not answer in time')));
    try {
      const page = await nodes(node)?.page('/peapod/timelines', new URLSearchParams(uids ? { uids: uids.join(',') } : {}), giveUp.signal);
      if (page?.code !== 200) return undefined;
      const parts: Uint8Array[] = [];
      if (page.body instanceof Uint8Array) parts.push(page.body);
      else for await (const part of page.body) parts.push(part);
      return JSON.parse(Buffer.concat(parts).toString()) as NodeAnswer;
    } catch {
      return undefined;
    }
  }

  return {
    'peapod.dev/podtimelines': {
      async read(registry, { verb, namespace, name = '', options }) {
        const encoding = new Encoding(kind, registry.freeze);
        const itemOf = (known: KnownPod, answer: NodeAnswer | undefined) => {
          const timeline = timelineOf(known, answer);
          return encoding.item(known.record.namespace, known.record.name, encoding.value(timeline), 0, timeline);
        };
        if (verb === 'get') {
          const known = moments.newest(namespace ?? '', name);
          if (!known) throw ApiError.notFound(kind, name);
          const { nodeName, uid } = known.record;
          return { type: 'item', code: 200, kind, item: itemOf(known, nodeName === undefined ? {} : await ask(registry, nodeName, [uid])), warnings: [] };
        }
        const selection = selectionOf(kind, namespace || undefined, undefined, options);
        const all = moments.all(namespace || undefined);
        const asked = [...new Set(all.flatMap(({ record: { nodeName } }) => (nodeName === undefined ? [] : [nodeName])))];
        const answers = new Map(await Promise.all(asked.map(async (node) => [node, await ask(registry, node)] as const)));
        const items = all.map((known) => itemOf(known, known.record.nodeName === undefined ? {} : answers.get(known.record.nodeName)));
        return { type: 'list', kind, list: { items: items.filter((item) => selection.matches(item)), revision: registry.cache.revision } };
      },
    },
  };
}

/** `answer` undefined: the node cannot be reached. */
export function timelineOf({ record: { namespace, name, uid, nodeName, moments, flips = [], droppedFlips }, containers, labels }: KnownPod, answer: NodeAnswer | undefined): PodTimeline {
  const ofNode = answer?.[uid];
  // Of what has the same time, the server's words come before what the node does about them, and that before what comes of it.
  const steps = [...moments, ...(ofNode?.steps ?? []), ...flips].sort((a, b) => a.atMs - b.atMs || Number(a.type === 'Gone') - Number(b.type === 'Gone'));
  const dropped = droppedFlips + (ofNode?.dropped ?? 0);
  return {
    apiVersion: 'peapod.dev/v1alpha1',
    kind: 'PodTimeline',
    metadata: { name, namespace, uid, creationTimestamp: formatTime(moments[0]!.atMs), ...(labels ? { labels } : {}) },
    ...(nodeName === undefined ? {} : { nodeName }),
    containers,
    steps: steps.map(stepOf),
    ...(dropped > 0 ? { droppedSteps: dropped } : {}),
    ...(answer ? {} : { incomplete: `the node ${nodeName} cannot be reached` }),
  } as unknown as PodTimeline;
}
