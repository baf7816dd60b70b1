// Approves what nodes may have without anyone's asking: a node's first certificate for who may bring nodes in, its next for the
// node itself, and the one it serves with, where it names nothing but that node's own addresses.
import { isReason } from '../../api/error.ts';
import { readCertificateRequest, type RequestedCertificate } from '../../api/certificates/request.ts';
import { nodeOf, signerNames, whyNotSigned } from '../../api/certificates/signers.ts';
import { certificateSigningRequests } from '../../api/kinds/certificate-signing-request.ts';
import { nodes as nodeResource } from '../../api/kinds/node.ts';
import { subjectAccessReviews } from '../../api/kinds/reviews.ts';
import type { ObjectKey } from '../../api/request.ts';
import type { CertificateSigningRequest, Node } from '../../api/types.ts';
import type { Runnable } from '../../base/runnable.ts';
import { createController, itself, trigger, type Next } from '../../control/controller.ts';
import type { ControllerDeps } from '../deps.ts';

/** `reserved`: names and addresses of the API server, which no node may serve as. */
export function createCertificateApprover(reserved: readonly string[], deps: ControllerDeps): Runnable {
  const { client } = deps;
  const requests = deps.informers.of(certificateSigningRequests);
  const nodes = deps.informers.of(nodeResource);

  async function reconcile(key: ObjectKey, signal: AbortSignal): Promise<Next> {
    const found = requests.get(key);
    if (!found || isDecided(found)) return 'await-change';
    const message = await whyApproved(found, signal);
    if (message === undefined) return 'await-change';
    const conditions = [...(found.status.conditions ?? []), { type: 'Approved', status: 'True', reason: 'AutoApproved', message }];
    try {
      await client.update(certificateSigningRequests, { ...found, status: { ...found.status, conditions } } as CertificateSigningRequest, signal, 'approval');
    } catch (error) {
      if (!isReason(error, 'NotFound')) throw error;
    }
    return 'await-change';
  }

  /** Undefined: it is for somebody else to decide. */
  async function whyApproved({ spec }: CertificateSigningRequest, signal: AbortSignal): Promise<string | undefined> {
    const request = readCertificateRequest(Buffer.from(spec.request, 'base64').toString());
    if (whyNotSigned(spec.signerName, request, spec.usages ?? []) !== undefined) return undefined;
    if (spec.signerName === signerNames.kubeletServing) {
      return isOfItsOwn(spec.username, request, nodes.list(), reserved) ? "Auto approving kubelet serving certificate: it names the node's own addresses." : undefined;
    }
    if (spec.signerName !== signerNames.kubeletClient) return undefined;
    if (spec.username === request.commonName && (await mayCreate(spec, 'selfnodeclient', signal))) return 'Auto approving self kubelet client certificate after SubjectAccessReview.';
    return (await mayCreate(spec, 'nodeclient', signal)) ? 'Auto approving kubelet client certificate after SubjectAccessReview.' : undefined;
  }

  async function mayCreate({ username = '', groups = [], uid, extra }: CertificateSigningRequest['spec'], subresource: string, signal: AbortSignal): Promise<boolean> {
    const resourceAttributes = { group: 'certificates.k8s.io', resource: 'certificatesigningrequests', subresource, verb: 'create' };
    const review = { apiVersion: 'authorization.k8s.io/v1', kind: 'SubjectAccessReview', metadata: {}, spec: { user: username, groups, uid, extra, resourceAttributes } };
    const { status } = (await client.create(subjectAccessReviews as never, review as never, signal)) as { status?: { allowed?: boolean } };
    return status?.allowed === true;
  }

  return createController(
    {
      name: 'csrapproving-controller',
      triggers: [
        trigger(requests, itself),
        // What a node could not have yet, it may have once its addresses are known.
        trigger(nodes, (before, after) =>
          after && addressesOf(before).join() !== addressesOf(after).join() ? requests.list().filter((one) => !isDecided(one) && one.spec.username === `system:node:${after.metadata.name}`).map(({ metadata: { name } }) => ({ namespace: '', name })) : []),
      ],
      reconcile,
    },
    deps,
  );
}

/** Asked for by the node itself; every name and address is that node's, and neither another's nor the API server's. */
export function isOfItsOwn(username: string | undefined, request: RequestedCertificate, nodes: readonly Node[], reserved: readonly string[]): boolean {
  if (username !== request.commonName) return false;
  const own = nodes.find(({ metadata }) => metadata.name === nodeOf(request));
  const others = new Set([...nodes.filter((node) => node !== own).flatMap(namesOf), ...reserved]);
  const mine = own ? namesOf(own) : [];
  return [...request.dnsNames, ...request.ipAddresses].every((name) => mine.includes(name) && !others.has(name));
}

function namesOf(node: Node): string[] {
  return [node.metadata.name, ...addressesOf(node)];
}

function addressesOf(node: Node | undefined): string[] {
  return (node?.status.addresses ?? []).map(({ address }) => address);
}

function isDecided({ status }: CertificateSigningRequest): boolean {
  return status.conditions?.some(({ type }) => type === 'Approved' || type === 'Denied') ?? false;
}
