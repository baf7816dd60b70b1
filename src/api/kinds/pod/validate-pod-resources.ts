// The rules of what a Pod asks for as a whole: resources beside those of its containers, and claims of devices.
import { dnsLabel, dnsSubdomain } from '../../names.ts';
import { addQuantities, canonicalQuantity, compareQuantities, formatQuantity, parseQuantity, type Quantity } from '../../quantity.ts';
import type { PodSpec } from '../../types.ts';
import { present, type Report } from '../validation/report.ts';
import { isSidecar } from './resources.ts';
import { checkRequirements, isHugePages, isKnown } from './validate-resources.ts';

const podLevel = ['cpu', 'hugepages-', 'memory'];

export function isPodLevel(resource: string): boolean {
  return resource === 'cpu' || resource === 'memory' || isHugePages(resource);
}

export function checkPodResources(report: Report, field: string, spec: PodSpec): void {
  const { resources } = spec;
  if (!resources) return;
  if (resources.claims) report.forbidden(`${field}.claims`, 'claims cannot be set for Resources at pod-level');
  checkRequirements(report, field, resources, (at, resource) => {
    if (!isPodLevel(resource) && isKnown(resource)) report.notSupported(at, resource, podLevel);
  });
  const asked = containerRequests(spec);
  for (const [resource, amount] of asked) {
    const own = amountIn(resources.requests, resource) ?? '0';
    const parsed = parseQuantity(own);
    if (parsed && compareQuantities(amount, parsed) > 0) {
      report.invalid(`${field}.requests[${resource}]`, canonicalQuantity(own), `must be greater than or equal to aggregate container requests of ${formatQuantity(amount)}`);
    }
  }
  spec.containers?.forEach((container, index) => {
    for (const resource in container.resources?.limits) {
      const [limit, most] = [parseQuantity(container.resources.limits[resource]!), parseQuantity(amountIn(resources.limits, resource) ?? '')];
      if (limit && most && compareQuantities(limit, most) > 0) {
        report.invalid(`${field}.containers[${index}][${resource}].limits`, formatQuantity(limit), `must be less than or equal to pod limits of ${formatQuantity(most)}`);
      }
    }
  });
}

/** Only what was written: every object has a `constructor`. */
function amountIn(written: Readonly<Record<string, string>> | undefined, resource: string): string | undefined {
  return written && Object.hasOwn(written, resource) ? written[resource] : undefined;
}

/** What the containers ask for together: their sum with the sidecars, or more where an init container needs more. */
export function containerRequests(spec: PodSpec): Map<string, Quantity> {
  const sum = new Map<string, Quantity>();
  const sidecars = new Map<string, Quantity>();
  const peak = new Map<string, Quantity>();
  for (const { resources } of spec.containers ?? []) add(sum, resources?.requests);
  for (const container of spec.initContainers ?? []) {
    if (isSidecar(container)) {
      add(sum, container.resources?.requests);
      add(sidecars, container.resources?.requests);
      raise(peak, sidecars);
    } else {
      const own = new Map(sidecars);
      add(own, container.resources?.requests);
      raise(peak, own);
    }
  }
  raise(sum, peak);
  return sum;
}

function add(to: Map<string, Quantity>, more: Readonly<Record<string, string>> | undefined): void {
  for (const resource in more) {
    const amount = parseQuantity(more[resource]!);
    const old = to.get(resource);
    if (amount) to.set(resource, old ? addQuantities(old, amount) : amount);
  }
}

function raise(to: Map<string, Quantity>, least: ReadonlyMap<string, Quantity>): void {
  for (const [resource, amount] of least) {
    const old = to.get(resource);
    if (!old || compareQuantities(amount, old) > 0) to.set(resource, amount);
  }
}

export function checkPodClaims(report: Report, field: string, claims: PodSpec['resourceClaims']): void {
  const names = new Set<string>();
  claims?.forEach((claim, index) => {
    const at = `${field}[${index}]`;
    const { name, resourceClaimName, resourceClaimTemplateName } = claim;
    if (!name) report.required(`${at}.name`);
    else if (names.has(name)) report.duplicate(`${at}.name`, name);
    else report.follows(`${at}.name`, name, dnsLabel);
    names.add(name);
    if (present(resourceClaimName) && present(resourceClaimTemplateName)) {
      report.invalid(at, claim, 'at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified');
    }
    if (!present(resourceClaimName) && !present(resourceClaimTemplateName)) report.invalid(at, claim, 'must specify one of: `resourceClaimName`, `resourceClaimTemplateName`');
    if (present(resourceClaimName)) report.follows(`${at}.resourceClaimName`, resourceClaimName, dnsSubdomain);
    if (present(resourceClaimTemplateName)) report.follows(`${at}.resourceClaimTemplateName`, resourceClaimTemplateName, dnsSubdomain);
  });
}
