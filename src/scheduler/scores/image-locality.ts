import type { NodeView } from '../node-view.ts';
import { best, type Score } from './score.ts';

const leastBytes = 23 * 1024 * 1024;
const mostBytesPerContainer = 1000 * 1024 * 1024;

/** Nodes that have the images already, the more of their bytes the better. */
export const imageLocality: Score = {
  name: 'ImageLocality',
  weight: 1,
  scale: 'raw',
  prepare({ pod }) {
    const images = [...(pod.spec.initContainers ?? []), ...pod.spec.containers].map(({ image = '' }) => normalized(image));
    const most = mostBytesPerContainer * images.length;
    return (node) => {
      const sizes = imageSizes(node);
      let bytes = 0;
      for (const image of images) bytes += sizes.get(image) ?? 0;
      return Math.floor((best * (Math.min(Math.max(bytes, leastBytes), most) - leastBytes)) / (most - leastBytes));
    };
  },
};

function normalized(image: string): string {
  return image.lastIndexOf(':') <= image.lastIndexOf('/') ? `${image}:latest` : image;
}

/** Worked out once for each version of a node. */
function imageSizes({ node }: NodeView): ReadonlyMap<string, number> {
  let sizes = known.get(node!);
  if (!sizes) {
    sizes = new Map((node!.status.images ?? []).flatMap(({ names = [], sizeBytes = 0 }) => names.map((name): [string, number] => [name, sizeBytes])));
    known.set(node!, sizes);
  }
  return sizes;
}

const known = new WeakMap<object, ReadonlyMap<string, number>>();
