// LimitRanger: gives containers what their namespace's LimitRanges say by default, and refuses what they do not allow.
import { limitRanges } from '../../api/kinds/limit-range.ts';
import { podLimits, podRequests, type Amounts } from '../../api/kinds/pod/resources.ts';
import { compareQuantities, formatQuantity, quantity, quantityToNumber, type Quantity } from '../../api/quantity.ts';
import type { Container, LimitRangeItem, PersistentVolumeClaim, Pod } from '../../api/types.ts';
import type { Admission, AdmissionRequest, AdmissionWorld } from './admission.ts';
import { forbidden } from './forbidden.ts';

type Written = Readonly<Record<string, string>> | undefined;

export const limitRanger: Admission = {
  name: 'LimitRanger',
  handles: ({ kind, verb, subresource }) => {
    if (kind.group !== '' || (verb !== 'create' && verb !== 'update')) return false;
    if (kind.plural === 'pods') return verb === 'create' ? !subresource : subresource === 'resize';
    return kind.plural === 'persistentvolumeclaims' && !subresource;
  },
  mutate(request, world) {
    if (request.kind.plural === 'pods' && request.verb === 'create') for (const item of itemsOf(request, world)) if (item.type === 'Container') fillIn(request.draft as Pod, item);
  },
  validate(request, world) {
    const wrong: string[] = [];
    for (const item of itemsOf(request, world)) wrong.push(...(request.kind.plural === 'pods' ? wrongPod(request.draft as Pod, item) : wrongClaim(request.draft as PersistentVolumeClaim, item)));
    const said = [...new Set(wrong)];
    if (said.length > 0) throw forbidden(request, said.length === 1 ? said[0]! : `[${said.join(', ')}]`);
  },
};

function itemsOf({ namespace }: AdmissionRequest, world: AdmissionWorld): readonly LimitRangeItem[] {
  return world.list(limitRanges, namespace).flatMap(({ spec }) => spec.limits ?? []);
}

/** Says what it did in an annotation. */
function fillIn({ metadata, spec }: Pod, { default: limits = {}, defaultRequest: requests = {} }: LimitRangeItem): void {
  const done: string[] = [];
  for (const [noun, containers] of [['container', spec.containers], ['init container', spec.initContainers ?? []]] as const) {
    for (const container of containers) {
      const added = (part: 'requests' | 'limits', defaults: Record<string, string>) => {
        const missing = Object.keys(defaults).filter((resource) => container.resources?.[part]?.[resource] === undefined).sort();
        if (missing.length === 0) return;
        container.resources ??= {};
        container.resources[part] = { ...Object.fromEntries(missing.map((resource) => [resource, defaults[resource]!])), ...container.resources[part] };
        done.push(`${missing.join(', ')} ${part.slice(0, -1)} for ${noun} ${container.name}`);
      };
      added('requests', requests);
      added('limits', limits);
    }
  }
  if (done.length > 0) metadata.annotations = { ...metadata.annotations, 'kubernetes.io/limit-ranger': `LimitRanger plugin set: ${done.join('; ')}` };
}

function wrongPod(pod: Pod, item: LimitRangeItem): string[] {
  if (item.type === 'Container') {
    const all: readonly Container[] = [...pod.spec.containers, ...((pod.spec.initContainers ?? []) as Container[])];
    return all.flatMap(({ resources }) => outside(item, read(resources?.requests), read(resources?.limits)));
  }
  return item.type === 'Pod' ? outside(item, amountsOf(podRequests(pod)), amountsOf(podLimits(pod))) : [];
}

function wrongClaim({ spec }: PersistentVolumeClaim, { type, min, max }: LimitRangeItem): string[] {
  if (type !== 'PersistentVolumeClaim') return [];
  const asked = read(spec.resources?.requests);
  const wrong: string[] = [];
  for (const [word, bounds, sign] of [['minimum', min, -1], ['maximum', max, 1]] as const) {
    for (const [resource, bound] of read(bounds)) {
      const request = asked.get(resource);
      const what = `${word} ${resource} usage per ${type} is ${formatQuantity(bound)}`;
      if (!request) wrong.push(`${what}.  No request is specified`);
      else if (compareQuantities(request, bound) * sign > 0) wrong.push(`${what}, but request is ${formatQuantity(request)}`);
    }
  }
  return wrong;
}

function outside({ type, min, max, maxLimitRequestRatio }: LimitRangeItem, requests: Map<string, Quantity>, limits: Map<string, Quantity>): string[] {
  const wrong: string[] = [];
  for (const [resource, least] of read(min)) {
    const what = `minimum ${resource} usage per ${type} is ${formatQuantity(least)}`;
    const [request, limit] = [requests.get(resource), limits.get(resource)];
    if (!request) wrong.push(`${what}.  No request is specified`);
    else if (compareQuantities(request, least) < 0) wrong.push(`${what}, but request is ${formatQuantity(request)}`);
    else if (limit && compareQuantities(limit, least) < 0) wrong.push(`${what}, but limit is ${formatQuantity(limit)}`);
  }
  for (const [resource, most] of read(max)) {
    const what = `maximum ${resource} usage per ${type} is ${formatQuantity(most)}`;
    const [request, limit] = [requests.get(resource), limits.get(resource)];
    if (!limit) wrong.push(`${what}.  No limit is specified`);
    else if (compareQuantities(limit, most) > 0) wrong.push(`${what}, but limit is ${formatQuantity(limit)}`);
    else if (request && compareQuantities(request, most) > 0) wrong.push(`${what}, but request is ${formatQuantity(request)}`);
  }
  for (const [resource, widest] of read(maxLimitRequestRatio)) wrong.push(...tooWide(type, resource, widest, requests.get(resource), limits.get(resource)));
  return wrong;
}

function tooWide(type: string, resource: string, widest: Quantity, request: Quantity | undefined, limit: Quantity | undefined): string[] {
  const what = `${resource} max limit to request ratio per ${type} is ${formatQuantity(widest)}`;
  if (!request || request.nano === 0n) return [`${what}, but no request is specified or request is 0`];
  if (!limit || limit.nano === 0n) return [`${what}, but no limit is specified or limit is 0`];
  const ratio = quantityToNumber(limit) / quantityToNumber(request);
  return ratio > quantityToNumber(widest) ? [`${what}, but provided ratio is ${ratio.toFixed(6)}`] : [];
}

function read(written: Written): Map<string, Quantity> {
  return new Map(Object.entries(written ?? {}).map(([resource, amount]) => [resource, quantity(amount)]));
}

function amountsOf(amounts: Amounts): Map<string, Quantity> {
  return new Map(Object.entries(amounts).map(([resource, amount]) => [resource, quantity(resource === 'cpu' ? `${amount}m` : amount)]));
}
