// The rules of certificates that a projected volume holds: bundles of those to trust, and the Pod's own.
import { dnsSubdomain, qualifiedName } from '../../names.ts';
import type { Volume } from '../../types.ts';
import { present, type Report } from '../validation/report.ts';
import { checkFilePath, checkLabelSelector } from '../validation/rules.ts';

type Source = NonNullable<NonNullable<Volume['projected']>['sources']>[number];

export function checkTrustBundle(report: Report, field: string, bundle: NonNullable<Source['clusterTrustBundle']>): void {
  const { name, signerName, labelSelector, path } = bundle;
  if (present(name) && present(signerName)) report.invalid(field, bundle, 'only one of name and signerName may be used');
  else if (present(name)) {
    if (!name) report.required(`${field}.name`, 'must be a valid object name');
    for (const why of bundleNameFaults(name)) report.invalid(`${field}.name`, name, `not a valid clustertrustbundlename: ${why}`);
    if (labelSelector) report.invalid(`${field}.labelSelector`, labelSelector, 'labelSelector must be unset if name is specified');
  } else if (present(signerName)) {
    if (!signerName) report.required(`${field}.signerName`, 'must be a valid signer name');
    checkSignerName(report, `${field}.signerName`, signerName);
    checkLabelSelector(report, `${field}.labelSelector`, labelSelector);
  } else report.required(field, 'either name or signerName must be specified');
  if (path) checkFilePath(report, `${field}.path`, path);
  else report.required(`${field}.path`);
}

/** A bundle of a signer is called `SIGNER:NAME`, with colons for the signer's slashes. */
function bundleNameFaults(name: string): string[] {
  const at = name.lastIndexOf(':');
  return dnsSubdomain(at < 0 ? name : name.slice(at + 1));
}

/** `DOMAIN/PATH`. */
function checkSignerName(report: Report, field: string, name: string): void {
  if (!name) return;
  const [domain = '', path] = name.split('/', 2);
  if (path === undefined) report.invalid(field, name, 'must be a fully qualified domain and path of the form "example.com/signer-name"');
  else for (const why of dnsSubdomain(domain)) report.invalid(field, domain, `validating label ${JSON.stringify(domain)}: ${why}`);
}

const keyTypes = ['ECDSAP256', 'ECDSAP384', 'ECDSAP521', 'ED25519', 'RSA3072', 'RSA4096'];
const leastSeconds = 3600;
const mostSeconds = 91 * 24 * 3600;

export function checkPodCertificate(report: Report, field: string, certificate: NonNullable<Source['podCertificate']>): void {
  const { signerName, keyType, maxExpirationSeconds, credentialBundlePath, keyPath, certificateChainPath, userAnnotations } = certificate;
  if (signerName) checkSignerName(report, `${field}.signerName`, signerName);
  else report.required(`${field}.signerName`);
  if (!keyTypes.includes(keyType)) report.notSupported(`${field}.keyType`, keyType ?? '', keyTypes);
  if (present(maxExpirationSeconds) && maxExpirationSeconds < leastSeconds) {
    report.invalid(`${field}.maxExpirationSeconds`, maxExpirationSeconds, 'if provided, maxExpirationSeconds must be >= 3600');
  } else if (present(maxExpirationSeconds) && maxExpirationSeconds > mostSeconds) {
    report.invalid(`${field}.maxExpirationSeconds`, maxExpirationSeconds, `if provided, maxExpirationSeconds must be <= ${mostSeconds}`);
  }
  if (!credentialBundlePath && !keyPath && !certificateChainPath) report.required(field, 'specify at least one of credentialBundlePath, keyPath, and certificateChainPath');
  for (const [part, path] of Object.entries({ credentialBundlePath, keyPath, certificateChainPath })) if (path) checkFilePath(report, `${field}.${part}`, path);
  for (const key in userAnnotations) {
    if (!key.includes('/')) report.invalid(`${field}.userAnnotations`, key, 'must be domain-prefixed');
    report.follows(`${field}.userAnnotations`, key.toLowerCase(), qualifiedName);
  }
}
