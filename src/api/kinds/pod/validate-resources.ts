// The rules of requests and limits.
import { dnsLabel, qualifiedName } from '../../names.ts';
import { canonicalQuantity, compareQuantities, parseQuantity, quantityMessage, type Quantity } from '../../quantity.ts';
import type { Container } from '../../types.ts';
import type { Report } from '../validation/report.ts';

type Resources = NonNullable<Container['resources']>;

const standard = ['cpu', 'memory', 'ephemeral-storage'];
export const isHugePages = (resource: string) => resource.startsWith('hugepages-');
/** Names of the API's own: without a domain, or in kubernetes.io. */
const isNative = (resource: string) => !resource.includes('/') || resource.includes('kubernetes.io/');
/** Only what the node can squeeze may be promised more than once. */
const mayOvercommit = (resource: string) => isNative(resource) && !isHugePages(resource);

export function checkResources(report: Report, field: string, resources: Resources | undefined, claims: readonly string[]): void {
  if (!resources) return;
  checkRequirements(report, field, resources, (at, resource) => checkContainerResource(report, at, resource));
  checkClaims(report, `${field}.claims`, resources.claims, claims);
}

/** `checkName` says what may be asked for here. */
export function checkRequirements(report: Report, field: string, resources: Resources, checkName: (field: string, resource: string) => void): void {
  const limits = checkAmounts(report, `${field}.limits`, resources.limits, checkName);
  const requests = checkAmounts(report, `${field}.requests`, resources.requests, checkName);
  for (const [resource, request] of requests) {
    const limit = limits.get(resource);
    const asked = canonicalQuantity(resources.requests![resource]!);
    const allowed = limit && canonicalQuantity(resources.limits![resource]!);
    if (limit && !mayOvercommit(resource) && compareQuantities(request, limit) !== 0) {
      report.invalid(`${field}.requests`, asked, `must be equal to ${resource} limit of ${allowed}`);
    } else if (limit && compareQuantities(request, limit) > 0) {
      report.invalid(`${field}.requests`, asked, `must be less than or equal to ${resource} limit of ${allowed}`);
    } else if (!limit && !mayOvercommit(resource)) report.required(`${field}.limits`, 'Limit must be set for non overcommitable resources');
  }
  const named = [...limits.keys(), ...requests.keys()];
  if (named.some(isHugePages) && !named.includes('cpu') && !named.includes('memory')) report.forbidden(field, 'HugePages require cpu or memory');
}

/** A claim is named whole once, or each of its requests once. */
function checkClaims(report: Report, field: string, claims: Resources['claims'], known: readonly string[]): void {
  const taken = new Set<string>();
  claims?.forEach(({ name, request }, index) => {
    const at = `${field}[${index}]`;
    if (!name) return report.required(at);
    const key = request ? `${name}/${request}` : name;
    if (taken.has(name)) report.duplicate(at, name);
    else {
      if (request) report.follows(`${at}.request`, request, dnsLabel);
      if (taken.has(key)) report.duplicate(at, key);
      else if (!request && [...taken].some((other) => other.startsWith(`${name}/`))) report.duplicate(at, name);
      taken.add(key);
    }
    if (known.includes(name)) return;
    report.notFound(at, name, `must be one of the names in pod.spec.resourceClaims${known.length === 0 ? ' which is empty' : `: ${[...known].sort().join(', ')}`}`);
  });
}

/** Gives the amounts that could be read. */
export function checkAmounts(
  report: Report,
  field: string,
  written: Readonly<Record<string, string>> | undefined,
  checkName: (field: string, resource: string) => void = (at, resource) => checkContainerResource(report, at, resource),
): Map<string, Quantity> {
  const amounts = new Map<string, Quantity>();
  for (const resource in written) {
    const at = `${field}[${resource}]`;
    if (checkResourceName(report, at, resource)) checkName(at, resource);
    const amount = checkAmount(report, at, resource, written[resource]!);
    if (!amount) continue;
    amounts.set(resource, amount);
    if (!isHugePages(resource)) continue;
    const page = parseQuantity(resource.slice('hugepages-'.length));
    if (page && page.nano > 0n && amount.nano % page.nano !== 0n) {
      report.invalid(at, canonicalQuantity(written[resource]!), `${canonicalQuantity(written[resource]!)} is not positive integer multiple of ${resource}`);
    }
  }
  return amounts;
}

/** An amount that is not negative, and whole where the resource is counted. */
export function checkAmount(report: Report, field: string, resource: string, written: string): Quantity | undefined {
  const amount = parseQuantity(written);
  if (!amount) {
    report.invalid(field, written, quantityMessage);
    return undefined;
  }
  if (amount.nano < 0n) report.invalid(field, canonicalQuantity(written), 'must be greater than or equal to 0');
  if (!isNative(resource) && amount.nano % 1_000_000_000n !== 0n) report.invalid(field, canonicalQuantity(written), 'must be an integer');
  return amount;
}

/** Qualified by a domain, or one of the API's own. */
export function isKnown(resource: string): boolean {
  return resource.includes('/') || standard.includes(resource) || isHugePages(resource) || alsoKnown.includes(resource);
}

/** Gives whether it is the name of a resource at all. */
function checkResourceName(report: Report, field: string, resource: string): boolean {
  const wrong = qualifiedName(resource);
  for (const why of wrong) report.invalid(field, resource, why);
  if (wrong.length > 0) return false;
  if (!isKnown(resource)) {
    report.invalid(field, resource, 'must be a standard resource type or fully qualified');
  }
  return true;
}

function checkContainerResource(report: Report, field: string, resource: string): void {
  if (!resource.includes('/')) {
    if (!standard.includes(resource) && !isHugePages(resource)) report.invalid(field, resource, 'must be a standard resource for containers');
  } else if (!isNative(resource) && !isExtended(resource)) report.invalid(field, resource, "doesn't follow extended resource name standard");
}

/** A quota counts it as `requests.NAME`, which must be a name as well. */
function isExtended(resource: string): boolean {
  return !resource.startsWith('requests.') && qualifiedName(`requests.${resource}`).length === 0;
}

/** Resources that the API knows, but not of containers. */
const alsoKnown = ['storage', 'requests.cpu', 'requests.memory', 'limits.cpu', 'limits.memory', 'pods', 'services', 'configmaps', 'secrets', 'resourcequotas', 'replicationcontrollers', 'persistentvolumeclaims', 'services.nodeports', 'services.loadbalancers'];
