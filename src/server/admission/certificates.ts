// Who may approve and who may sign a request for a certificate: for each signer on its own. And nobody becomes a member of
// system:masters by asking for it.
import { readCertificateRequest } from '../../api/certificates/request.ts';
import { signerNames } from '../../api/certificates/signers.ts';
import { sameJson } from '../../api/meta.ts';
import type { CertificateSigningRequest } from '../../api/types.ts';
import type { Authorize } from '../auth/access.ts';
import type { Admission, AdmissionRequest } from './admission.ts';
import { forbidden } from './forbidden.ts';

const group = 'certificates.k8s.io';

function isFor({ kind, verb, subresource }: AdmissionRequest, wantedVerb: AdmissionRequest['verb'], wantedSubresource: string | undefined): boolean {
  return kind.group === group && kind.plural === 'certificatesigningrequests' && verb === wantedVerb && subresource === wantedSubresource;
}

export function certificateApproval(authorize: Authorize): Admission {
  return {
    name: 'CertificateApproval',
    handles: (request) => isFor(request, 'update', 'approval'),
    validate(request) {
      checkSigner(authorize, request, 'approve');
    },
  };
}

export function certificateSigning(authorize: Authorize): Admission {
  return {
    name: 'CertificateSigning',
    handles: (request) => isFor(request, 'update', 'status'),
    validate(request) {
      const [before, after] = [request.before as CertificateSigningRequest, request.draft as CertificateSigningRequest];
      const failed = ({ status }: CertificateSigningRequest) => status.conditions?.filter(({ type }) => type === 'Failed');
      if (before.status.certificate !== after.status.certificate || !sameJson(failed(before), failed(after))) checkSigner(authorize, request, 'sign');
    },
  };
}

export const certificateSubjectRestriction: Admission = {
  name: 'CertificateSubjectRestriction',
  handles: (request) => isFor(request, 'create', undefined),
  validate(request) {
    const { spec } = request.draft as CertificateSigningRequest;
    if (spec.signerName !== signerNames.apiServerClient) return;
    const { organizations } = readCertificateRequest(Buffer.from(spec.request, 'base64').toString());
    if (organizations.includes('system:masters')) throw forbidden(request, `use of ${spec.signerName} signer with system:masters group is not allowed`);
  },
};

/** By the signer's whole name, or all of its domain. */
function checkSigner(authorize: Authorize, request: AdmissionRequest, verb: 'approve' | 'sign'): void {
  const { signerName } = (request.before as CertificateSigningRequest).spec;
  const resource = { group, plural: 'signers' };
  const allowed = [signerName, `${signerName.split('/')[0]}/*`].some((name) => authorize({ user: request.user, verb, resource, name }).allowed);
  if (!allowed) throw forbidden(request, `user not permitted to ${verb} requests with signerName ${JSON.stringify(signerName)}`);
}
