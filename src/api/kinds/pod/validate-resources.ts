// The rules of requests and limits.
import { qualifiedName } from '../../names.ts';
import { canonicalQuantity, compareQuantities, parseQuantity, quantityMessage, type Quantity } from '../../quantity.ts';
import type { Container } from '../../types.ts';
import type { Report } from '../validation/report.ts';

type Resources = NonNullable<Container['resources']>;

const standard = ['cpu', 'memory', 'ephemeral-storage'];
const isHugePages = (resource: string) => resource.startsWith('hugepages-');
/** Names of the API's own: without a domain, or in kubernetes.io. */
const isNative = (resource: string) => !resource.includes('/') || resource.includes('kubernetes.io/');
/** Only what the node can squeeze may be promised more than once. */
const mayOvercommit = (resource: string) => isNative(resource) && !isHugePages(resource);

export function checkResources(report: Report, field: string, resources: Resources | undefined, claims: readonly string[]): void {
  if (!resources) return;
  const limits = checkAmounts(report, `${field}.limits`, resources.limits);
  const requests = checkAmounts(report, `${field}.requests`, resources.requests);
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
  resources.claims?.forEach(({ name }, index) => {
    const at = `${field}.claims[${index}]`;
    if (!name) return report.required(at);
    if (resources.claims!.findIndex((claim) => claim.name === name && claim.request === resources.claims![index]!.request) < index) report.duplicate(at, name);
    if (!claims.includes(name)) {
      report.notFound(at, name, `must be one of the names in pod.spec.resourceClaims${claims.length === 0 ? ' which is empty' : `: ${[...claims].sort().join(', ')}`}`);
    }
  });
}

/** Gives the amounts that could be read. */
export function checkAmounts(report: Report, field: string, written: Readonly<Record<string, string>> | undefined): Map<string, Quantity> {
  const amounts = new Map<string, Quantity>();
  for (const resource in written) {
    const at = `${field}[${resource}]`;
    checkResourceName(report, at, resource);
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

function checkResourceName(report: Report, field: string, resource: string): void {
  const wrong = qualifiedName(resource);
  for (const why of wrong) report.invalid(field, resource, why);
  if (wrong.length > 0) return;
  if (!resource.includes('/')) {
    if (standard.includes(resource) || isHugePages(resource)) return;
    if (!alsoKnown.includes(resource)) report.invalid(field, resource, 'must be a standard resource type or fully qualified');
    report.invalid(field, resource, 'must be a standard resource for containers');
  } else if (!isNative(resource) && resource.startsWith('requests.')) {
    report.invalid(field, resource, "doesn't follow extended resource name standard");
  }
}

/** Resources that the API knows, but not of containers. */
const alsoKnown = ['storage', 'requests.cpu', 'requests.memory', 'limits.cpu', 'limits.memory', 'pods', 'services', 'configmaps', 'secrets', 'resourcequotas', 'replicationcontrollers', 'persistentvolumeclaims', 'services.nodeports', 'services.loadbalancers'];
