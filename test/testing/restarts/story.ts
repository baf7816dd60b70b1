// A story that a cluster lives through, and what may never be wrong in it.
import { isReason, type KubeObject, type TestCluster, type TestClusterOptions } from '../../../src/testing/index.ts';
import type { Resource } from '../../../src/api/kind.ts';
import { endState } from './end-state.ts';
import type { Ledger, Picture } from './ledger.ts';

export interface Telling {
  /** Everything that is done and waited for, to the end. */
  readonly tell: (world: World) => Promise<void>;
  /** What is wrong now; looked at after each commit. */
  readonly wrong?: (picture: Picture, ledger: Ledger) => string | false | undefined;
}

export interface Story {
  readonly name: string;
  readonly cluster?: TestClusterOptions;
  /** Kinds whose watches may be late, each on its own, without a rule being broken. */
  readonly late?: readonly string[];
  /** A telling of its own for each run. */
  readonly begin: () => Telling;
}

/** After this long nothing more comes of what has been done. */
const restMs = 30_000;
const never = new AbortController().signal;

export class World {
  readonly cluster: TestCluster;
  readonly ledger: Ledger;
  readonly picture: Picture;
  /** What there was, whenever the story said so. */
  readonly marks: string[] = [];

  constructor(cluster: TestCluster, ledger: Ledger) {
    this.cluster = cluster;
    this.ledger = ledger;
    this.picture = ledger.picture;
  }

  /** Tried again while the API server is away. */
  async do(what: string, work: () => Promise<unknown>): Promise<void> {
    let tries = 0;
    await this.cluster.runUntil(async () => {
      try {
        tries++;
        await work();
        return true;
      } catch (error) {
        if (isReason(error, 'ServiceUnavailable')) return false;
        // The answer to an earlier try was lost.
        if (tries > 1 && isReason(error, 'AlreadyExists', 'NotFound')) return true;
        throw error;
      }
    }, { what });
  }

  create(of: Resource, name: string, body: object, namespace = 'default', more: object = {}): Promise<void> {
    const metadata = { name, ...(of.namespaced ? { namespace } : {}), ...more };
    return this.do(`${of.plural} ${name} is made`, () => this.cluster.client.create(of as Resource<KubeObject>, { metadata, ...body } as never, never));
  }

  patch(of: Resource, name: string, body: object, namespace = 'default'): Promise<void> {
    return this.do(`${of.plural} ${name} is changed`, () => this.cluster.client.patch(of, { namespace: of.namespaced ? namespace : '', name }, { type: 'merge', body }, never));
  }

  delete(of: Resource, name: string, options: object = {}, namespace = 'default'): Promise<void> {
    return this.do(`${of.plural} ${name} is deleted`, () => this.cluster.client.delete(of, { namespace: of.namespaced ? namespace : '', name }, options, never));
  }

  async until(what: string, condition: (picture: Picture) => unknown): Promise<void> {
    await this.cluster.runUntil(() => !!condition(this.picture), { what, withinMs: 1_800_000 });
  }

  /** Notes what there is once all has come to rest. */
  async mark(name: string): Promise<void> {
    await this.cluster.advance(restMs);
    this.marks.push(...endState(this.picture).map((line) => `${name}: ${line}`));
  }
}

export const template = (app: string, image = 'web:1', script = '', spec: object = {}) => ({
  metadata: { labels: { app }, ...(script ? { annotations: { 'simulated.peapod.dev/main': script } } : {}) },
  spec: { terminationGracePeriodSeconds: 5, containers: [{ name: 'main', image }], ...spec },
});

