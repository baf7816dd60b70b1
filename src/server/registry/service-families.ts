// Which IP families a Service has: from what it asks for, what it had, and what the cluster offers. Pure but for the draft, which
// it completes.
//
//   ipFamilyPolicy     ipFamilies of a Service with cluster IPs
//   SingleStack        one: the first asked for, or the cluster's first
//   PreferDualStack    two where the cluster has two, else one; a Service that is there keeps what it has
//   RequireDualStack   two, or it is refused
import { familyOf, type IpFamily } from '../../base/ip.ts';
import { ApiError } from '../../api/error.ts';
import { Report } from '../../api/kinds/validation/report.ts';
import { sameJson } from '../../api/meta.ts';
import type { Service } from '../../api/types.ts';

type Spec = Service['spec'];

/** `offered`: the cluster's families, its first one first. Throws ApiError Invalid. */
export function decideFamilies({ metadata, spec }: Service, before: Spec | undefined, offered: readonly IpFamily[]): void {
  if (spec.type === 'ExternalName') return;
  // Neither up nor down without a word, when a cluster has got or lost a family.
  if (before && spec.ipFamilyPolicy === 'PreferDualStack' && before.ipFamilyPolicy === 'PreferDualStack' && sameIps(spec, before) && sameFamilies(spec, before)) return;
  const isFree = spec.clusterIP === 'None' && Object.keys(spec.selector ?? {}).length === 0;
  spec.ipFamilyPolicy ??= before?.ipFamilyPolicy ?? (isFree ? 'RequireDualStack' : 'SingleStack');
  const isSingle = spec.ipFamilyPolicy === 'SingleStack';
  const report = new Report();
  const refuse = () => {
    if (report.causes.length > 0) throw ApiError.invalid({ group: '', kind: 'Service' }, metadata.name, report.causes);
  };

  if (before && isSingle) {
    // To ask for one family alone is to give up the other.
    if (sameIps(spec, before) && (spec.clusterIPs?.length ?? 0) > 1) spec.clusterIPs = spec.clusterIPs!.slice(0, 1);
    if (sameFamilies(spec, before) && (spec.ipFamilies?.length ?? 0) > 1) spec.ipFamilies = spec.ipFamilies!.slice(0, 1);
  } else if (before) {
    if (isReduced(spec.clusterIPs, before.clusterIPs)) report.invalid('spec.ipFamilyPolicy', spec.ipFamilyPolicy, "must be 'SingleStack' to release the secondary cluster IP");
    if (isReduced(spec.ipFamilies, before.ipFamilies)) report.invalid('spec.ipFamilyPolicy', spec.ipFamilyPolicy, "must be 'SingleStack' to release the secondary IP family");
  }
  if (isSingle && spec.clusterIPs?.length === 2) report.invalid('spec.ipFamilyPolicy', spec.ipFamilyPolicy, 'must be RequireDualStack or PreferDualStack when multiple cluster IPs are specified');
  if (isSingle && spec.ipFamilies?.length === 2) report.invalid('spec.ipFamilyPolicy', spec.ipFamilyPolicy, 'must be RequireDualStack or PreferDualStack when multiple IP families are specified');
  const families = [...(spec.ipFamilies ?? [])] as IpFamily[];
  for (const [index, ip] of (spec.clusterIPs ?? []).entries()) {
    if (ip === 'None' || index < families.length) continue;
    if (offered.includes(familyOf(ip))) families.push(familyOf(ip));
    else report.invalid(`spec.clusterIPs[${index}]`, spec.clusterIPs, `${familyOf(ip)} is not configured on this cluster`);
  }
  refuse();

  if (isFree) {
    // Its endpoints are its writer's own, of whatever family.
    if (families.length === 0) families.push(offered[0]!);
    if (families.length === 1 && !isSingle) families.push(otherThan(families[0]!));
    spec.ipFamilies = families;
    return;
  }
  if (spec.ipFamilyPolicy === 'RequireDualStack' && offered.length < 2) report.invalid('spec.ipFamilyPolicy', spec.ipFamilyPolicy, 'this cluster is not configured for dual-stack services');
  for (const [index, family] of families.entries()) if (!offered.includes(family)) report.invalid(`spec.ipFamilies[${index}]`, family, 'not configured on this cluster');
  refuse();
  if (families.length === 0) families.push(offered[0]!);
  if (!isSingle && families.length === 1 && offered.length === 2) families.push(otherThan(families[0]!));
  spec.ipFamilies = families;
}

function otherThan(family: IpFamily): IpFamily {
  return family === 'IPv4' ? 'IPv6' : 'IPv4';
}

function isReduced(now: readonly string[] | undefined, before: readonly string[] | undefined): boolean {
  return (now?.length ?? 0) > 0 && now!.length < (before?.length ?? 0);
}

function sameIps(a: Spec, b: Spec): boolean {
  return sameJson(a.clusterIPs ?? [], b.clusterIPs ?? []);
}

function sameFamilies(a: Spec, b: Spec): boolean {
  return sameJson(a.ipFamilies ?? [], b.ipFamilies ?? []);
}
