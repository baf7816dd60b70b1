// Makes the certificates that have been approved, as each of Kubernetes' own signers does.
import { isReason } from '../../api/error.ts';
import { readCertificateRequest, type RequestedCertificate } from '../../api/certificates/request.ts';
import { signerNames, whyNotSigned } from '../../api/certificates/signers.ts';
import { certificateSigningRequests } from '../../api/kinds/certificate-signing-request.ts';
import { withCondition } from '../../api/meta.ts';
import type { ObjectKey } from '../../api/request.ts';
import type { CertificateSigningRequest } from '../../api/types.ts';
import type { Runnable } from '../../base/runnable.ts';
import { createController, itself, trigger, type Next } from '../../control/controller.ts';
import type { ControllerDeps } from '../deps.ts';

/** The authority's hand: gives the certificate, PEM. */
export type SignCertificate = (request: RequestedCertificate, usages: readonly string[], lastsSeconds: number) => Promise<string>;

const own: readonly string[] = Object.values(signerNames);
/** As kube-controller-manager's --cluster-signing-duration. */
const longestSeconds = 365 * 86_400;

export function createCertificateSigner(sign: SignCertificate, deps: ControllerDeps): Runnable {
  const { client, clock } = deps;
  const requests = deps.informers.of(certificateSigningRequests);

  async function reconcile(key: ObjectKey, signal: AbortSignal): Promise<Next> {
    const found = requests.get(key);
    if (!found || !isToBeSigned(found)) return 'await-change';
    const { spec, status } = found;
    const usages = spec.usages ?? [];
    const request = readCertificateRequest(Buffer.from(spec.request, 'base64').toString());
    const why = whyNotSigned(spec.signerName, request, usages);
    try {
      if (why !== undefined) {
        const failed = { type: 'Failed', status: 'True', reason: 'SignerValidationFailure', message: why };
        await client.updateStatus(certificateSigningRequests, { ...found, status: { ...status, conditions: [...withCondition(status.conditions as never, failed, clock.wallMs())] as never } }, signal);
        return 'await-change';
      }
      const pem = await sign(request, usages, Math.min(spec.expirationSeconds ?? longestSeconds, longestSeconds));
      await client.updateStatus(certificateSigningRequests, { ...found, status: { ...status, certificate: Buffer.from(pem).toString('base64') } }, signal);
    } catch (error) {
      if (!isReason(error, 'NotFound')) throw error;
    }
    return 'await-change';
  }

  return createController({ name: 'csrsigning-controller', triggers: [trigger(requests, itself)], reconcile }, deps);
}

function isToBeSigned({ spec, status }: CertificateSigningRequest): boolean {
  const types = (status.conditions ?? []).map(({ type }) => type);
  return own.includes(spec.signerName) && !status.certificate && types.includes('Approved') && !types.includes('Denied') && !types.includes('Failed');
}
