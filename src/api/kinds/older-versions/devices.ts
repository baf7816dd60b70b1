// Devices and requests for them as resource.k8s.io had them before v1beta2: what is asked for exactly stood among the fields of a
// request, and what is known of a device apart, in `basic`.
import type { KubeObject } from '../../types.ts';

type Fields = Record<string, unknown>;
interface Claim {
  readonly devices?: { readonly requests?: readonly Fields[] };
}

export function flatRequests(object: KubeObject): KubeObject {
  return withClaim(object, (request) => {
    const { exactly, ...rest } = request;
    return exactly ? { ...rest, ...(exactly as Fields) } : request;
  });
}

export function exactRequests(object: KubeObject): KubeObject {
  return withClaim(object, (request) => {
    const { name, firstAvailable, ...exactly } = request;
    return Object.keys(exactly).length > 0 ? { name, ...(firstAvailable === undefined ? {} : { firstAvailable }), exactly } : request;
  });
}

export function basicDevices(object: KubeObject): KubeObject {
  return withDevices(object, ({ name, ...basic }) => ({ name, basic }));
}

export function plainDevices(object: KubeObject): KubeObject {
  return withDevices(object, ({ basic, ...device }) => ({ ...device, ...(basic as Fields | undefined) }));
}

/** A claim has its devices in its spec, a template in the spec of that. */
function withClaim(object: KubeObject, turn: (request: Fields) => Fields): KubeObject {
  const { spec } = object as KubeObject & { spec?: Claim & { spec?: Claim } };
  if (spec?.spec) return { ...object, spec: { ...spec, spec: turned(spec.spec, turn) } } as KubeObject;
  return spec?.devices ? ({ ...object, spec: turned(spec, turn) } as KubeObject) : object;
}

function turned(claim: Claim, turn: (request: Fields) => Fields): Claim {
  const { devices } = claim;
  return devices?.requests ? { ...claim, devices: { ...devices, requests: devices.requests.map(turn) } } : claim;
}

function withDevices(object: KubeObject, turn: (device: Fields) => Fields): KubeObject {
  const { spec } = object as KubeObject & { spec?: { devices?: readonly Fields[] } };
  return spec?.devices ? ({ ...object, spec: { ...spec, devices: spec.devices.map(turn) } } as KubeObject) : object;
}
