// One run of a story: undisturbed, disturbed at one write, or with watches that are late.
import { startTestCluster } from '../../../src/testing/index.ts';
import { createMemoryStore } from '../../../src/store/memory/memory-store.ts';
import { disturbances, makeLate, watchWrites, type Disturbance } from './disturb.ts';
import { difference } from './end-state.ts';
import { Ledger } from './ledger.ts';
import { World, type Story } from './story.ts';

export interface Outcome {
  readonly writes: number;
  readonly marks: readonly string[];
  /** Why it is not as it should be; undefined: it is. */
  readonly failure: string | undefined;
}

export type Trouble = { readonly type: 'none' } | { readonly type: 'at-write'; readonly disturbance: Disturbance; readonly at: number } | { readonly type: 'late'; readonly resource: string };

const lateMs = 700;

export async function runStory(story: Story, trouble: Trouble, wanted?: Outcome): Promise<Outcome> {
  const store = createMemoryStore();
  const ledger = await Ledger.follow(store);
  await using cluster = await startTestCluster({ nodes: 2, ...story.cluster, store });
  const { tell, wrong } = story.begin();
  const world = new World(cluster, ledger);
  if (trouble.type === 'late') await makeLate(cluster, trouble.resource, lateMs);
  await cluster.settle();
  const watched = trouble.type === 'at-write' ? watchWrites(cluster, trouble.disturbance, trouble.at) : watchWrites(cluster);
  if (wrong) ledger.rule = () => wrong(world.picture, ledger);
  let failure: string | undefined;
  try {
    await tell(world);
    await world.mark('the end');
    if (ledger.wrongs.length > 0) failure = ledger.wrongs.join('\n');
    else if (wanted && difference(wanted.marks, world.marks)) failure = `it came to something else:\n${difference(wanted.marks, world.marks)}`;
  } catch (error) {
    failure = `${[...ledger.wrongs, (error as Error).message].join('\n')}`;
  }
  const { met } = watched;
  const where = met ? `${met.verb} ${met.resource.plural}${met.subresource ? `/${met.subresource}` : ''} ${met.name ?? ''}` : '';
  return { writes: watched.writes, marks: world.marks, failure: failure && `${describe(story, trouble)} ${where}\n${failure}` };
}

export function describe({ name }: Story, trouble: Trouble): string {
  switch (trouble.type) {
    case 'none':
      return name;
    case 'at-write':
      return `${name}: write ${trouble.at}: ${trouble.disturbance}`;
    case 'late':
      return `${name}: ${trouble.resource} come late`;
  }
}

/** Every disturbance at every write; or of each so many, spread over them. */
export function troublesOf(story: Story, writes: number, each = Infinity): readonly Trouble[] {
  const names = Object.keys(disturbances) as Disturbance[];
  const troubles = names.flatMap((disturbance, index) => {
    const count = Math.min(each, writes);
    // Each begins elsewhere, so that together they are at many.
    const shift = (index / names.length) * (writes / count);
    return Array.from({ length: count }, (_, n): Trouble => ({ type: 'at-write', disturbance, at: 1 + (Math.floor(n * (writes / count) + shift) % writes) }));
  });
  return [...troubles, ...(story.late ?? []).map((resource): Trouble => ({ type: 'late', resource }))];
}
