// What every kind of volume gives: a directory or file on the node that containers mount.
import type { Node, Pod, Volume } from '../../api/types.ts';
import type { Clock } from '../../base/clock.ts';
import type { ImageInfo, Runtime } from '../../runtime/runtime.ts';
import type { PodReferences } from '../references/references.ts';
import type { Allocatable, PodFacts } from '../spec/downward.ts';
import type { Payload } from './atomic-writer.ts';
import type { PodTokens } from './pod-tokens.ts';

export interface VolumeWorld {
  readonly pod: Pod;
  readonly tokens: PodTokens;
  readonly clock: Clock;
  readonly references: PodReferences;
  readonly facts: PodFacts;
  readonly allocatable: Allocatable;
  /** The image of an image volume as found or pulled. Throws ImageError. */
  readonly image: (volume: Volume) => Promise<ImageInfo>;
  readonly runtime: Runtime;
  /** The node that the Pod is on. */
  readonly node: Pick<Node, 'metadata'>;
}

export interface PreparedVolume {
  readonly path: string;
  /** Whether containers may only read it, whatever their mount says. */
  readonly readOnly: boolean;
  /** A block device, which is given to containers and not mounted. */
  readonly isBlock?: boolean;
  /** The runtime mounts this image itself; `path` is ''. */
  readonly imageId?: string;
}

/** Volumes with a place of their own (emptyDir) or someone else's (hostPath), made once for the Pod. `at` is the volume's directory, not yet made. */
export type PlaceVolume = (volume: Volume, at: string, world: VolumeWorld, signal: AbortSignal) => Promise<PreparedVolume>;

/** Volumes made of the API's content, written anew whenever it changes. */
export type ContentVolume = (volume: Volume, world: VolumeWorld, signal: AbortSignal) => Promise<Content>;

export interface Content {
  readonly payload: Payload;
  /** When it must be made anew without a change of any object: tokens expire. */
  readonly refreshAfterMs?: number;
}
