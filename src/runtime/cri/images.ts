// The verbs of images.
import type { Clock } from '../../base/clock.ts';
import { isImageId, normalizeImageName } from '../image-name.ts';
import { RuntimeError, type ImageAuth, type ImageInfo } from '../runtime.ts';
import type { CriConnection } from './connection.ts';
import type { Image } from './messages.ts';
import { unlessGone } from './sandboxes.ts';

/** Large images come slowly; the caller's signal ends a pull that is no longer wanted. */
const pullDeadlineMs = 3_600_000;

export function createImageVerbs(cri: CriConnection, clock: Clock) {
  return {
    async pullImage(reference: string, auth: ImageAuth | undefined, signal: AbortSignal): Promise<string> {
      const request = { image: { image: nameOf(reference), user_specified_image: reference }, auth: auth && authConfig(auth) };
      const { image_ref: id } = await cri.image<{ image_ref: string }>('PullImage', request, signal, pullDeadlineMs);
      return id;
    },
    async imageStatus(reference: string, signal: AbortSignal): Promise<ImageInfo | undefined> {
      const { image } = await cri.image<{ image?: Image }>('ImageStatus', { image: { image: nameOf(reference) } }, signal);
      return image && imageInfo(image);
    },
    async listImages(signal: AbortSignal): Promise<readonly ImageInfo[]> {
      const { images } = await cri.image<{ images: Image[] }>('ListImages', {}, signal);
      return images.map(imageInfo);
    },
    async imageFilesystem(signal: AbortSignal): Promise<string> {
      const { image_filesystems: [found] } = await cri.image<{ image_filesystems: { fs_id?: { mountpoint: string } }[] }>('ImageFsInfo', {}, signal);
      if (!found?.fs_id) throw new RuntimeError('failed', 'the runtime does not say where its images are');
      return found.fs_id.mountpoint;
    },
    async removeImage(reference: string, signal: AbortSignal): Promise<void> {
      await unlessGone(() => cri.image('RemoveImage', { image: { image: nameOf(reference) } }, signal), clock, signal);
    },
  };
}

function nameOf(reference: string): string {
  return isImageId(reference) ? reference : normalizeImageName(reference);
}

function authConfig(auth: ImageAuth): object {
  return { username: auth.username, password: auth.password, auth: auth.auth, server_address: auth.serverAddress, identity_token: auth.identityToken, registry_token: auth.registryToken };
}

/** A user that is written as a number comes as one; root is number 0. */
function imageInfo(image: Image): ImageInfo {
  return {
    id: image.id,
    tags: image.repo_tags,
    digests: image.repo_digests,
    sizeBytes: image.size,
    pinned: image.pinned,
    ...(image.uid ? { uid: image.uid.value } : image.username === '' ? { uid: 0 } : { userName: image.username }),
  };
}
