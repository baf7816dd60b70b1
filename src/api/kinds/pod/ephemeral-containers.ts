// `pods/NAME/ephemeralcontainers`: the Pod, of which only spec.ephemeralContainers is written; they come and never go.
import { ApiError } from '../../error.ts';
import type { Subresource } from '../../kind.ts';
import { draftOf, sameJson } from '../../meta.ts';
import type { Pod } from '../../types.ts';
import { Report } from '../validation/report.ts';
import { checkSamePod } from './same-pod.ts';
import { defaultPod } from './defaults.ts';
import { specDiff } from './spec-diff.ts';
import { validatePod } from './validate.ts';

export const ephemeralContainers: Subresource<Pod> = {
  group: '',
  version: 'v1',
  kind: 'Pod',
  verbs: ['get', 'update', 'patch'],
  read: (pod) => pod,
  write(pod, body: Pod): Pod {
    checkSamePod(body, pod);
    const { name } = pod.metadata;
    const draft = draftOf({ ...pod, spec: { ...pod.spec, ephemeralContainers: body.spec?.ephemeralContainers } });
    defaultPod(draft);
    const report = new Report();
    checkKept(report, draft, pod);
    const causes = [...validatePod(draft), ...report.causes];
    if (causes.length > 0) throw ApiError.invalid({ group: '', kind: 'Pod' }, name, causes);
    return draft;
  },
};

/** Patches do not keep the order, so each is looked up by its name. */
function checkKept(report: Report, pod: Pod, before: Pod): void {
  const field = 'spec.ephemeralContainers';
  if (before.metadata.annotations?.['kubernetes.io/config.mirror'] !== undefined) {
    report.forbidden('', 'static pods do not support ephemeral containers');
    return;
  }
  for (const old of before.spec.ephemeralContainers ?? []) {
    const now = pod.spec.ephemeralContainers?.find(({ name }) => name === old.name);
    if (!now) report.forbidden(field, `existing ephemeral containers ${JSON.stringify(old.name)} may not be removed\n`);
    else if (!sameJson(now, old)) report.forbidden(field, `existing ephemeral containers ${JSON.stringify(old.name)} may not be changed\n${specDiff('core.EphemeralContainer', old, now)}`);
  }
}
