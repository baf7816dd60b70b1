// Removes requests for certificates that have had their answer, or will get none any more.
import { X509Certificate } from 'node:crypto';
import { isReason } from '../../api/error.ts';
import { certificateSigningRequests } from '../../api/kinds/certificate-signing-request.ts';
import type { ObjectKey } from '../../api/request.ts';
import type { CertificateSigningRequest } from '../../api/types.ts';
import { parseTime } from '../../base/clock.ts';
import type { Runnable } from '../../base/runnable.ts';
import { createController, itself, trigger, type Next } from '../../control/controller.ts';
import type { ControllerDeps } from '../deps.ts';

/** As upstream keeps them. */
const decidedMs = 3_600_000;
const pendingMs = 24 * 3_600_000;

export function createCertificateCleaner(deps: ControllerDeps): Runnable {
  const { client, clock } = deps;
  const requests = deps.informers.of(certificateSigningRequests);

  async function reconcile(key: ObjectKey, signal: AbortSignal): Promise<Next> {
    const found = requests.get(key);
    if (!found) return 'await-change';
    const leftMs = endMs(found) - clock.wallMs();
    if (leftMs > 0) return { afterMs: leftMs };
    const { uid } = found.metadata;
    try {
      await client.delete(certificateSigningRequests, key, { preconditions: { uid } }, signal);
    } catch (error) {
      if (!isReason(error, 'NotFound', 'Conflict')) throw error;
    }
    return 'await-change';
  }

  return createController({ name: 'csrcleaner-controller', triggers: [trigger(requests, itself)], reconcile, workers: 1 }, deps);
}

/** When it may go. */
export function endMs({ metadata, status }: CertificateSigningRequest): number {
  const conditions = status.conditions ?? [];
  const decided = conditions.filter(({ type }) => type === 'Denied' || type === 'Failed' || (type === 'Approved' && !!status.certificate));
  const since = decided.map(({ lastUpdateTime, lastTransitionTime }) => parseTime(lastUpdateTime ?? lastTransitionTime ?? metadata.creationTimestamp));
  const ends = [...since.map((ms) => ms + decidedMs), parseTime(metadata.creationTimestamp) + pendingMs];
  if (status.certificate) {
    try {
      ends.push(parseTime(new X509Certificate(Buffer.from(status.certificate, 'base64')).validTo));
    } catch {
      // Another's signer may have put there what we cannot read; its age counts.
    }
  }
  return Math.min(...ends);
}
