// Conversion webhooks: ConversionReview, asked of whom the definition of a custom kind names.
import { ApiError } from '../../api/error.ts';
import type { Random } from '../../base/random.ts';
import type { KubeObject, Status } from '../../api/types.ts';
import type { Convert } from '../registry/versions.ts';
import type { WebhookClient } from './webhook-client.ts';

interface Answer {
  readonly response?: { readonly uid?: string; readonly result?: Partial<Status>; readonly convertedObjects?: readonly KubeObject[] };
}

const timeoutMs = 30_000;

export function createConversion(client: WebhookClient, random: Random): Convert {
  return async (kind, objects, to) => {
    const webhook = kind.custom!.conversion!;
    const version = webhook.conversionReviewVersions.find((one) => one === 'v1' || one === 'v1beta1') ?? 'v1';
    const uid = random.uuid();
    const desiredAPIVersion = `${kind.group}/${to}`;
    const fail = (why: string) => ApiError.of(new Error(`conversion webhook for ${kind.group}/${kind.version}, Kind=${kind.kind} failed: ${why}`));
    let answer: Answer;
    try {
      answer = (await client.post(webhook.clientConfig!, { kind: 'ConversionReview', apiVersion: `apiextensions.k8s.io/${version}`, request: { uid, desiredAPIVersion, objects } }, timeoutMs)) as Answer;
    } catch (error) {
      throw fail((error as Error).message);
    }
    const { response } = answer;
    if (!response) throw fail('webhook response was absent');
    if (response.uid !== uid) throw fail(`expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(response.uid ?? '')}`);
    if (response.result?.status !== 'Success') throw fail(response.result?.message ?? 'no result');
    const converted = response.convertedObjects ?? [];
    if (converted.length !== objects.length) throw fail(`webhook returned ${converted.length} objects, expected ${objects.length}`);
    return converted.map((object, i) => {
      const before = objects[i]!;
      if (object.apiVersion !== desiredAPIVersion) throw fail(`invalid groupVersion (expected ${desiredAPIVersion}, received ${object.apiVersion ?? ''}) in converted object at index ${i}`);
      if (object.kind !== before.kind) throw fail(`invalid kind (expected ${before.kind}, received ${object.kind ?? ''}) in converted object at index ${i}`);
      for (const field of ['name', 'namespace', 'uid'] as const) if (object.metadata?.[field] !== before.metadata[field]) throw fail(`invalid metadata in converted object at index ${i}: metadata.${field} must not change`);
      // Of the metadata only labels and annotations may change.
      const { labels, annotations } = object.metadata;
      const { labels: _labels, annotations: _annotations, ...kept } = before.metadata;
      return { ...object, metadata: { ...kept, ...(labels ? { labels } : {}), ...(annotations ? { annotations } : {}) } };
    });
  };
}
