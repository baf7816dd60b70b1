// Sees to it that a container's image is there, as its pull policy says, and that its Pod may use it.
import type { Pod } from '../../api/types.ts';
import { parseImageName } from '../../runtime/image-name.ts';
import { RuntimeError, type ImageInfo } from '../../runtime/runtime.ts';
import type { NodeWorld } from '../node-settings.ts';
import type { PodContainer } from '../pod/containers.ts';
import type { PodReferences } from '../references/references.ts';
import { goDuration } from './go-duration.ts';
import { credentialsFor, type PullCredential } from './pull-auth.ts';
import { pullFailure, type PullFailure } from './pull-failure.ts';
import { accessTo, repositoryOf } from './pull-records.ts';
import type { Pulled } from './pulls.ts';

export type ImageFailure = 'InvalidImageName' | 'ErrImageNeverPull' | 'ImageInspectError' | PullFailure;

/** The image cannot be had; `reason` is what the container waits with. */
export class ImageError extends Error {
  override readonly name = 'ImageError';
  readonly reason: ImageFailure;
  readonly image: string;
  constructor(reason: ImageFailure, image: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
    this.image = image;
  }

  /** After which the container waits with ImagePullBackOff. */
  get isPullFailure(): boolean {
    return this.reason === 'ErrImagePull' || this.reason === 'RegistryUnavailable' || this.reason === 'SignatureValidationFailed';
  }
}

/**
 * `localhost/…` names no registry but what was loaded or made on this machine, as podman has it; so even with the policy
 * Always (the default of the tag latest) there is nothing to pull. `localhost:5000/…` is a registry like any other.
 */
export function isThisMachines(image: string): boolean {
  return image.startsWith('localhost/');
}

/** What has an image: a container, or a volume. */
export interface ImageUser {
  readonly name: string;
  readonly spec: Pick<PodContainer['spec'], 'image' | 'imagePullPolicy'>;
  readonly fieldPath: string | undefined;
}

export async function ensureImage(world: NodeWorld, pod: Pod, container: ImageUser, references: PodReferences, signal: AbortSignal): Promise<ImageInfo> {
  const { runtime, events, clock, pulls, pullRecords, imageUses } = world;
  const image = container.spec.image ?? '';
  const policy = isThisMachines(image) ? 'Never' : (container.spec.imagePullPolicy ?? 'IfNotPresent');
  const about = { apiVersion: 'v1', kind: 'Pod', metadata: pod.metadata };
  const tell = (type: 'Normal' | 'Warning', reason: string, message: string) => events.event(about, type, reason, message, container.fieldPath);
  let known: Promise<readonly PullCredential[]> | undefined;
  const credentials = () => (known ??= credentialsOf());

  refuseInvalidName();
  const present = policy === 'Always' ? undefined : await inspect();
  if (present && (await mayUse(present))) {
    tell('Normal', 'Pulled', `Container image ${JSON.stringify(image)} already present on machine and can be accessed by the pod`);
    imageUses.used(present.id, clock.wallMs());
    return present;
  }
  if (policy === 'Never') {
    const why = isThisMachines(image) ? 'and is never pulled, as its registry is this machine' : 'with pull policy of Never';
    const message = `Container image ${JSON.stringify(image)} is not present ${why}`;
    tell('Warning', 'ErrImageNeverPull', message);
    throw new ImageError('ErrImageNeverPull', image, message);
  }

  const beganMs = clock.monotonicMs();
  const { info, pullMs } = await pull();
  imageUses.used(info.id, clock.wallMs());
  tell('Normal', 'Pulled', `Successfully pulled image ${JSON.stringify(image)} in ${goDuration(pullMs)} (${goDuration(clock.monotonicMs() - beganMs)} including waiting). Image size: ${info.sizeBytes} bytes.`);
  return info;

  function refuseInvalidName(): void {
    try {
      parseImageName(image);
    } catch (error) {
      const { message } = error as Error;
      tell('Warning', 'InspectFailed', message);
      throw new ImageError('InvalidImageName', image, message, { cause: error });
    }
  }

  async function inspect(): Promise<ImageInfo | undefined> {
    try {
      return await runtime.imageStatus(image, signal);
    } catch (error) {
      if (signal.aborted) throw error;
      if (error instanceof RuntimeError && error.code === 'not-found') return undefined;
      const message = `Failed to inspect image ${JSON.stringify(image)}: ${(error as Error).message}`;
      tell('Warning', 'InspectFailed', message);
      throw new ImageError('ImageInspectError', image, message, { cause: error });
    }
  }

  /** Secrets are only looked for when the image was pulled with some. */
  async function mayUse({ id }: ImageInfo): Promise<boolean> {
    const record = pullRecords.of(id, image);
    if (!record || accessTo(record, repositoryOf(image), []) === 'granted') return true;
    return accessTo(record, repositoryOf(image), await credentials()) === 'granted';
  }

  async function credentialsOf(): Promise<readonly PullCredential[]> {
    const names = (pod.spec.imagePullSecrets ?? []).flatMap(({ name }) => (name ? [name] : []));
    const found = await Promise.all(names.map((name) => references.secret(name)));
    const missing = names.filter((_, at) => found[at] === undefined);
    if (missing.length > 0) {
      events.event(about, 'Warning', 'FailedToRetrieveImagePullSecret', `Unable to retrieve some image pull secrets (${missing.join(', ')}); attempting to pull the image may not succeed.`);
    }
    return credentialsFor(image, found.filter((secret) => secret !== undefined));
  }

  async function pull(): Promise<Pulled & { readonly info: ImageInfo }> {
    const toTry = await credentials();
    tell('Normal', 'Pulling', `Pulling image ${JSON.stringify(image)}`);
    pullRecords.begin(image);
    let credential: PullCredential | undefined;
    let pulled: Pulled;
    try {
      [credential, pulled] = await withAny(toTry);
    } catch (error) {
      // Ended by us: the runtime may have gone on, and what came of it is not known to be anybody's.
      if (!signal.aborted) pullRecords.failed(image);
      if (signal.aborted) throw error;
      throw failed(error);
    }
    const info = await inspect();
    if (!info) {
      pullRecords.failed(image);
      throw failed(new Error(`image ${JSON.stringify(image)} is not there although it was pulled`));
    }
    pullRecords.pulled(image, info.id, credential);
    return { ...pulled, info };
  }

  function failed(error: unknown): ImageError {
    tell('Warning', 'Failed', `Failed to pull image ${JSON.stringify(image)}: ${(error as Error).message}`);
    const { reason, message } = pullFailure(image, (error as Error).message);
    return new ImageError(reason, image, message, { cause: error });
  }

  /** With each fitting credential in turn, or with none. */
  async function withAny(toTry: readonly PullCredential[]): Promise<[PullCredential | undefined, Pulled]> {
    const failures: Error[] = [];
    for (const credential of toTry.length > 0 ? toTry : [undefined]) {
      try {
        return [credential, await pulls.pull(image, credential?.auth, signal)];
      } catch (error) {
        if (signal.aborted) throw error;
        failures.push(error as Error);
      }
    }
    const messages = [...new Set(failures.map(({ message }) => message))];
    throw messages.length === 1 ? failures[0]! : new AggregateError(failures, `[${messages.join(', ')}]`);
  }
}
