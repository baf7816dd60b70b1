// One container of a Pod, with all that was found for it → what the runtime is asked to make. Pure.
import type { Pod } from '../../api/types.ts';
import type { ContainerSpec, ImageInfo, Mount } from '../../runtime/runtime.ts';
import type { PodContainer } from '../pod/containers.ts';
import { expand } from './expansion.ts';
import * as labels from './labels.ts';
import { containerResources } from './resources.ts';
import { containerSecurity } from './security.ts';

export interface ContainerPlace {
  readonly attempt: number;
  readonly image: ImageInfo;
  readonly environment: ReadonlyMap<string, string>;
  /** Volumes first, then the node's own files. */
  readonly mounts: readonly Mount[];
  /** Block volumes. */
  readonly devices?: ContainerSpec['devices'];
  readonly terminationFile: string | undefined;
  /** Beside our own. */
  readonly annotations?: Readonly<Record<string, string>>;
  readonly memoryCapacityBytes: number;
  /** Of the memory controller, where the node has one. */
  readonly cgroupVersion?: 1 | 2;
  readonly seccompRoot: string;
  /** For ephemeral containers that join another's PID namespace. */
  readonly targetContainerId?: string;
}

export function containerSpec(pod: Pod, { name, spec }: PodContainer, place: ContainerPlace): ContainerSpec {
  const { environment } = place;
  const terminationMessagePath = spec.terminationMessagePath || '/dev/termination-log';
  const mounts = [...place.mounts];
  if (place.terminationFile) mounts.push({ hostPath: place.terminationFile, containerPath: terminationMessagePath, readOnly: false, propagation: 'None' });
  return {
    pod: labels.identityOf(pod),
    name,
    attempt: place.attempt,
    imageId: place.image.id,
    image: spec.image ?? '',
    command: (spec.command ?? []).map((word) => expand(word, environment)),
    args: (spec.args ?? []).map((word) => expand(word, environment)),
    workingDir: spec.workingDir,
    env: [...environment].map(([key, value]) => ({ name: key, value })),
    mounts,
    devices: place.devices ?? [],
    labels: labels.containerLabels(pod, name),
    annotations: {
      [labels.containerHashAnnotation]: labels.containerHash(spec),
      [labels.restartCountAnnotation]: String(place.attempt),
      [labels.terminationPathAnnotation]: terminationMessagePath,
      [labels.terminationPolicyAnnotation]: spec.terminationMessagePolicy ?? 'File',
      [labels.graceAnnotation]: String(pod.spec.terminationGracePeriodSeconds ?? 30),
      ...place.annotations,
      ...(place.terminationFile ? { [labels.terminationFileAnnotation]: place.terminationFile } : {}),
    },
    logPath: `${name}/${place.attempt}.log`,
    stdin: spec.stdin ?? false,
    stdinOnce: spec.stdinOnce ?? false,
    tty: spec.tty ?? false,
    resources: containerResources(pod, spec, place.memoryCapacityBytes, place.cgroupVersion),
    security: containerSecurity(pod, spec, place.image, place.seccompRoot, place.targetContainerId),
    stopSignal: spec.lifecycle?.stopSignal,
  };
}
