// The controls of the level restricted, beyond those of baseline: what a hardened Pod must say of itself.
import type { Volume } from '../../../api/types.ts';
import { procMount, seccomp } from './baseline.ts';
import { containersOf, distinct, hasOwnUsers, isWindows, named, plural, quoted, setters, type Check, type Control } from './control.ts';

const privilegeEscalation: Check = (pod) => {
  const bad = containersOf(pod).filter(({ securityContext }) => securityContext?.allowPrivilegeEscalation !== false);
  if (bad.length === 0) return undefined;
  return { reason: 'allowPrivilegeEscalation != false', detail: `${named('container', bad.map(({ name }) => name))} must set securityContext.allowPrivilegeEscalation=false` };
};

const capabilities: Check = (pod) => {
  const containers = containersOf(pod).map(({ name, securityContext }) => ({ name, add: securityContext?.capabilities?.add ?? [], drop: securityContext?.capabilities?.drop ?? [] }));
  const keeping = containers.filter(({ drop }) => !drop.includes('ALL')).map(({ name }) => name);
  const adding = containers.map(({ name, add }) => ({ name, bad: add.filter((each) => each !== 'NET_BIND_SERVICE') })).filter(({ bad }) => bad.length > 0);
  const details = [
    ...(keeping.length > 0 ? [`${named('container', keeping)} must set securityContext.capabilities.drop=["ALL"]`] : []),
    ...(adding.length > 0 ? [`${named('container', adding.map(({ name }) => name))} must not include ${quoted(distinct(adding.flatMap(({ bad }) => bad)))} in securityContext.capabilities.add`] : []),
  ];
  return details.length > 0 ? { reason: 'unrestricted capabilities', detail: details.join('; ') } : undefined;
};

const allowedVolumes: readonly (keyof Volume)[] = ['configMap', 'csi', 'downwardAPI', 'emptyDir', 'ephemeral', 'image', 'persistentVolumeClaim', 'projected', 'secret'];

const volumeTypes: Check = ({ spec }) => {
  const bad = (spec.volumes ?? []).filter((volume) => !allowedVolumes.some((type) => volume[type]));
  if (bad.length === 0) return undefined;
  const types = distinct(bad.map((volume) => Object.keys(volume).find((key) => key !== 'name' && volume[key as keyof Volume]) ?? 'unknown'));
  const names = bad.map(({ name }) => name);
  return { reason: 'restricted volume types', detail: `${named('volume', names)} ${plural('uses', names, 'use')} ${plural('restricted volume type', types)} ${quoted(types)}` };
};

const nonRoot: Check = (pod) => {
  const ofPod = pod.spec.securityContext?.runAsNonRoot;
  const containers = containersOf(pod).map(({ name, securityContext }) => ({ name, own: securityContext?.runAsNonRoot ?? undefined }));
  const refusing = containers.filter(({ own }) => own === false).map(({ name }) => name);
  const reason = 'runAsNonRoot != true';
  if (ofPod === false || refusing.length > 0) return { reason, detail: `${setters(ofPod === false, refusing)} must not set securityContext.runAsNonRoot=false` };
  const silent = containers.filter(({ own }) => own === undefined && !ofPod).map(({ name }) => name);
  return silent.length > 0 ? { reason, detail: `pod or ${named('container', silent)} must set securityContext.runAsNonRoot=true` } : undefined;
};

const root: Check = (pod) => {
  const isPodRoot = pod.spec.securityContext?.runAsUser === 0;
  const bad = containersOf(pod).filter(({ securityContext }) => securityContext?.runAsUser === 0).map(({ name }) => name);
  return isPodRoot || bad.length > 0 ? { reason: 'runAsUser=0', detail: `${setters(isPodRoot, bad)} must not set runAsUser=0` } : undefined;
};

const seccompAsked: Check = (pod) => {
  const wrong = seccomp(pod);
  if (wrong || pod.spec.securityContext?.seccompProfile) return wrong;
  const silent = containersOf(pod).filter(({ securityContext }) => !securityContext?.seccompProfile).map(({ name }) => name);
  if (silent.length === 0) return undefined;
  return { reason: 'seccompProfile', detail: `pod or ${named('container', silent)} must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"` };
};

const unlessWindows = (check: Check): Check => (pod) => (isWindows(pod) ? undefined : check(pod));
const unlessOwnUsers = (check: Check): Check => (pod) => (hasOwnUsers(pod) ? undefined : check(pod));

/** By their ids, as they are told. */
export const restricted: readonly Control[] = [
  { id: 'allowPrivilegeEscalation', since: [[8, privilegeEscalation], [25, unlessWindows(privilegeEscalation)]] },
  { id: 'capabilities_restricted', overrides: 'capabilities_baseline', since: [[22, capabilities], [25, unlessWindows(capabilities)]] },
  { id: 'procMount_restricted', overrides: 'procMount_baseline', since: [[35, procMount]] },
  { id: 'restrictedVolumes', overrides: 'hostPathVolumes', since: [[0, volumeTypes]] },
  { id: 'runAsNonRoot', since: [[0, nonRoot], [35, unlessOwnUsers(nonRoot)]] },
  { id: 'runAsUser', since: [[23, root], [35, unlessOwnUsers(root)]] },
  { id: 'seccompProfile_restricted', overrides: 'seccompProfile_baseline', since: [[19, seccompAsked], [25, unlessWindows(seccompAsked)]] },
];
