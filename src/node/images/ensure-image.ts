// Sees to it that a container's image is there, as its pull policy says.
import type { Pod } from '../../api/types.ts';
import { RuntimeError, type ImageInfo } from '../../runtime/runtime.ts';
import type { NodeWorld } from '../node-settings.ts';
import type { PodContainer } from '../pod/containers.ts';
import type { PodReferences } from '../references/references.ts';
import { authsFor } from './pull-auth.ts';

export type ImageFailure = 'InvalidImageName' | 'ErrImageNeverPull' | 'ErrImagePull' | 'ImageInspectError';

/** The image cannot be had; `reason` is what the container waits with. */
export class ImageError extends Error {
  override readonly name = 'ImageError';
  readonly reason: ImageFailure;
  constructor(reason: ImageFailure, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

/**
 * `localhost/…` names no registry but what was loaded or made on this machine, as podman has it; so even with the policy
 * Always (the default of the tag latest) there is nothing to pull. `localhost:5000/…` is a registry like any other.
 */
function isThisMachines(image: string): boolean {
  return image.startsWith('localhost/');
}

/** What has an image: a container, or a volume. */
export interface ImageUser {
  readonly name: string;
  readonly spec: Pick<PodContainer['spec'], 'image' | 'imagePullPolicy'>;
  readonly fieldPath: string | undefined;
}

export async function ensureImage(world: NodeWorld, pod: Pod, container: ImageUser, references: PodReferences, signal: AbortSignal): Promise<ImageInfo> {
  const { runtime, events, clock } = world;
  const image = container.spec.image ?? '';
  const policy = isThisMachines(image) ? 'Never' : (container.spec.imagePullPolicy ?? 'IfNotPresent');
  const about = { apiVersion: 'v1', kind: 'Pod', metadata: pod.metadata };
  const tell = (type: 'Normal' | 'Warning', reason: string, message: string) => events.event(about, type, reason, message, container.fieldPath);

  const present = await inspect();
  if (present && policy !== 'Always') {
    tell('Normal', 'Pulled', `Container image ${JSON.stringify(image)} already present on machine and can be accessed by the pod`);
    return present;
  }
  if (policy === 'Never') {
    const why = isThisMachines(image) ? 'and is never pulled, as its registry is this machine' : 'with pull policy of Never';
    const message = `Container image ${JSON.stringify(image)} is not present ${why}`;
    tell('Warning', 'ErrImageNeverPull', message);
    throw new ImageError('ErrImageNeverPull', message);
  }

  tell('Normal', 'Pulling', `Pulling image ${JSON.stringify(image)}`);
  const beganMs = clock.monotonicMs();
  try {
    await pull();
  } catch (error) {
    if (signal.aborted) throw error;
    const { message } = error as Error;
    tell('Warning', 'Failed', `Failed to pull image ${JSON.stringify(image)}: ${message}`);
    throw new ImageError('ErrImagePull', message, { cause: error });
  }
  const info = await inspect();
  if (!info) throw new ImageError('ErrImagePull', `image ${JSON.stringify(image)} is not there although it was pulled`);
  const took = `${((clock.monotonicMs() - beganMs) / 1000).toFixed(3)}s`;
  tell('Normal', 'Pulled', `Successfully pulled image ${JSON.stringify(image)} in ${took} (${took} including waiting). Image size: ${info.sizeBytes} bytes.`);
  return info;

  async function inspect(): Promise<ImageInfo | undefined> {
    try {
      return await runtime.imageStatus(image, signal);
    } catch (error) {
      if (signal.aborted) throw error;
      if (error instanceof RuntimeError && error.code === 'not-found') return undefined;
      const invalid = error instanceof RuntimeError && error.code === 'invalid-image';
      const message = invalid
        ? `Failed to apply default image tag ${JSON.stringify(image)}: couldn't parse image name ${JSON.stringify(image)}: invalid reference format`
        : `Failed to inspect image ${JSON.stringify(image)}: ${(error as Error).message}`;
      tell('Warning', invalid ? 'InspectFailed' : 'InspectFailed', message);
      throw new ImageError(invalid ? 'InvalidImageName' : 'ImageInspectError', message, { cause: error });
    }
  }

  /** With each fitting secret in turn, or with none. */
  async function pull(): Promise<void> {
    const names = (pod.spec.imagePullSecrets ?? []).flatMap(({ name }) => (name ? [name] : []));
    const secrets = (await Promise.all(names.map((name) => references.secret(name)))).filter((secret) => secret !== undefined);
    const auths = authsFor(image, secrets);
    let last: unknown;
    for (const auth of auths.length ? auths : [undefined]) {
      try {
        await runtime.pullImage(image, auth, signal);
        return;
      } catch (error) {
        if (signal.aborted) throw error;
        last = error;
      }
    }
    throw last;
  }
}
