import { best, each, type Score } from './score.ts';

const leastBytes = 23 * 1024 * 1024;
const mostBytesPerContainer = 1000 * 1024 * 1024;

/** Nodes that have the images already, the more of their bytes the better; images that few nodes have count less, lest all Pods go there. */
export const imageLocality: Score = {
  name: 'ImageLocality',
  weight: 1,
  rate: each(1, ({ pod }, { nodes, nodesWithImage }) => {
    const all = [...(pod.spec.initContainers ?? []), ...pod.spec.containers].map(({ image = '' }) => normalized(image));
    const images = all.map((name) => ({ name, spread: (nodesWithImage.get(name) ?? 0) / nodes.length })).filter(({ spread }) => spread > 0);
    if (images.length === 0) return undefined;
    const most = mostBytesPerContainer * all.length;
    return ({ images: there }) => {
      let bytes = 0;
      for (const { name, spread } of images) bytes += Math.floor((there.get(name) ?? 0) * spread);
      return Math.floor((best * (Math.min(Math.max(bytes, leastBytes), most) - leastBytes)) / (most - leastBytes));
    };
  }),
};

function normalized(image: string): string {
  return image.lastIndexOf(':') <= image.lastIndexOf('/') ? `${image}:latest` : image;
}
